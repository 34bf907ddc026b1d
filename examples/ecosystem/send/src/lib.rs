//! What the programs share: a connector of egret for clients that require `Send`, and egret as a runtime of hickory-resolver and
//! of quinn.

pub mod connector;
pub mod dns;
pub mod quic;
