//! The timers of a connection, each with a name (PROTOCOL.md, "Timers").

/// Why a connection wants to be woken. When, is asked of the part that the timer belongs to, so
/// that no deadline is kept twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A packet becomes lost by time, or a probe is due.
    LossDetection,
    /// An acknowledgement has been held back for long enough.
    AckDelay,
    /// There are tokens again for a burst.
    Pacing,
    /// Nothing was sent for so long that a NAT might forget.
    KeepAlive,
    /// A path challenge is to be repeated or given up.
    PathValidation,
    /// Another way to the other side is to be tried.
    OtherWay,
    /// Nothing was heard, or nothing acknowledged, for too long.
    Idle,
    /// The keys have been in use for long enough, or a due rekey has not come.
    Rekey,
    /// The keys of the previous epoch are to be forgotten.
    KeyDiscard,
    /// A close is to be repeated, or has been remembered for long enough.
    Close,
}

impl Timer {
    /// All of them, in the order in which they are served when several are due. `Idle` comes
    /// first: when it is due, nothing else matters.
    pub(crate) const ALL: [Self; 10] = [
        Self::Idle,
        Self::LossDetection,
        Self::AckDelay,
        Self::Pacing,
        Self::KeepAlive,
        Self::PathValidation,
        Self::OtherWay,
        Self::Rekey,
        Self::KeyDiscard,
        Self::Close,
    ];

    /// For traces.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LossDetection => "loss detection",
            Self::AckDelay => "ack delay",
            Self::Pacing => "pacing",
            Self::KeepAlive => "keep-alive",
            Self::PathValidation => "path validation",
            Self::OtherWay => "other way",
            Self::Idle => "idle",
            Self::Rekey => "rekey",
            Self::KeyDiscard => "key discard",
            Self::Close => "close",
        }
    }
}
