//! The product grew from five descriptions of chat programs. Each has one scripted session here,
//! against the real programs, in which everything that it describes is done; the comments cite the
//! sentences that a step shows. docs/coverage.md lists where each single feature is tested in depth.

mod broadcast_chat;
mod chat_and_video;
mod simple_chat;
mod two_user_chat;
mod udp_chat;
