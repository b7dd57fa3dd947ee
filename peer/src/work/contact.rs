//! What is known of another user.

use wire::app::identity::IdentityKey;
use wire::app::name::Name;

use super::{Asking, AutoAccept, Standing};

/// Another user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The name.
    pub name: Name,
    /// The identity first seen under this name, or accepted since.
    /// `None` when only its being blocked is known.
    pub identity: Option<IdentityKey>,
    /// The highest generation of a device certificate seen: an older one is refused.
    pub generation: u64,
    /// Blocked here (and asked to be at the server).
    pub blocked: bool,
    /// The person has compared `identity` with this user and said so.
    pub verified: bool,
    /// Another identity that this user shows since, and that was not accepted.
    pub shown: Option<ShownIdentity>,
    /// Whether he may talk to the person here.
    pub standing: Standing,
    /// Whether the person here may talk to him, as far as he says.
    pub asking: Asking,
    /// What he says is not shown as it comes: here alone, and nobody is told.
    pub ignored: bool,
    /// Which of the files that he offers are taken without asking.
    pub auto_accept: AutoAccept,
    /// What the person calls him, shown beside his name: one line, never empty, at most [`MAX_NICKNAME`]
    /// bytes.
    pub nickname: Option<String>,
}

/// Most bytes of what a person calls a user.
pub const MAX_NICKNAME: usize = 64;

/// An identity that is not the known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownIdentity {
    /// It.
    pub identity: IdentityKey,
    /// The highest generation of its device certificates seen.
    pub generation: u64,
}

impl Contact {
    /// Somebody of whom nothing is known yet.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            identity: None,
            generation: 0,
            blocked: false,
            verified: false,
            shown: None,
            standing: Standing::Stranger,
            asking: Asking::Nothing,
            ignored: false,
            auto_accept: AutoAccept::Usual,
            nickname: None,
        }
    }

    /// The identity that this user shows now.
    #[must_use]
    pub fn current(&self) -> Option<IdentityKey> {
        self.shown.map(|shown| shown.identity).or(self.identity)
    }

    /// Whether nothing may be sent: the identity shown now is not the one that was verified.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.verified && self.shown.is_some()
    }
}
