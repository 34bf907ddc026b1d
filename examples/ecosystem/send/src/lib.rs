//! What the programs share: a connector of egret for clients that require `Send`.

pub mod connector;
