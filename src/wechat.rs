//! The platform's protocol: what WeChat sends to an account's server, and what it takes as an answer.

pub mod crypt;
pub mod message;
pub mod query;
pub mod reply;
pub mod signature;
