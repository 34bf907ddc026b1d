//! What the programs share: a connector of egret for clients that require `Send`, and egret as a runtime of quinn.

pub mod connector;
pub mod quic;
