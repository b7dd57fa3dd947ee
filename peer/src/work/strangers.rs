//! Who may talk to whom.

use wire::app::name::Name;

use super::{Contact, Incoming};

/// A request to the database about somebody who can only ask.
#[derive(Debug)]
pub enum StrangerRequest {
    /// A message of his arrived: keep it apart until he is admitted or dismissed. Reply:
    /// [`StoreReply::Received`](super::StoreReply::Received).
    Hold(Incoming),
    /// The same by a letter.
    HoldInTurn(Incoming),
    /// He asks to talk, or offers a file. Reply: as above.
    Keep {
        /// Who.
        from: Name,
        /// The name of the file: foreign text.
        file: Option<String>,
        /// Milliseconds since 1970.
        at: u64,
    },
    /// Keep this contact, who was a stranger; what was held of him is received now. Reply:
    /// [`StoreReply::Admitted`](super::StoreReply::Admitted).
    Admit(Contact),
    /// Keep this contact; nothing stays of what was held of him.
    Dismiss(Contact),
    /// Nothing stays of what this stranger asked and said, unless something of it came since. Reply:
    /// [`StoreReply::Expired`](super::StoreReply::Expired).
    Expire {
        /// Who.
        from: Name,
        /// Milliseconds since 1970.
        since: u64,
    },
}

/// Most strangers who ask at one time: others wait, and so does what they say.
pub const MAX_REQUESTS: usize = 64;

/// Whether another user may talk to the person here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// The person has never had to do with him: he may ask.
    #[default]
    Stranger,
    /// The person has written to him, accepted him, or verified his key.
    Contact,
    /// He has asked, and the person declined.
    Declined {
        /// When: milliseconds since 1970.
        at: u64,
    },
}

/// What became of asking another user to talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// It is not known whether one has to ask.
    #[default]
    Nothing,
    /// He was asked, or is to be, and has not answered.
    Asked {
        /// Since when: milliseconds since 1970.
        since: u64,
    },
    /// He talks with the person here.
    Accepted,
}

/// A stranger who asks to talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Who.
    pub from: Name,
    /// Since when: milliseconds since 1970.
    pub at: u64,
    /// When the last came that is kept of him.
    pub last: u64,
    /// His first message that is held; foreign text.
    pub text: Option<String>,
    /// How many are.
    pub messages: u64,
    /// The name of the first file that he offers; foreign text.
    pub file: Option<String>,
}
