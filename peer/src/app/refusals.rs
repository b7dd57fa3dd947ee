//! What a person is told when the server refuses: why, and what can be done about it.

use wire::app::server::Refusal;

/// Why, and behind a semicolon what to do, where that is not said already.
pub(super) fn told(refusal: &Refusal) -> String {
    let advice = match refusal {
        Refusal::NotLoggedIn => "'/login' first",
        Refusal::NameTaken => "choose another",
        Refusal::RegistrationClosed => "whoever runs it can make one for you",
        Refusal::UnknownUser => "look how the name is written: '/who' lists who is there",
        Refusal::BlockListFull => "'/unblock' somebody first: '/blocked' lists them",
        Refusal::StorageFailed => "try again later; its log says why to whoever runs it",
        Refusal::Malformed => "this program and the server are perhaps of different versions",
        Refusal::NoMailbox => "what is said to him waits here until both are online",
        Refusal::AlreadyLoggedIn
        | Refusal::WrongPassword
        | Refusal::Locked { .. }
        | Refusal::TooManyRequests { .. }
        | Refusal::Offline
        | Refusal::Yourself
        | Refusal::AlreadyBlocked
        | Refusal::NotBlocked
        | Refusal::UnknownDevice
        | Refusal::NewerDevice { .. }
        | Refusal::MailboxFull
        | Refusal::Room(_)
        | Refusal::AccountDeleted
        | Refusal::UnknownCode
        | Refusal::NewPassword => return refusal.to_string(),
    };
    format!("{refusal}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    /// Commands that are named exist.
    #[test]
    fn what_is_advised_can_be_done() {
        let refusals = [
            Refusal::NotLoggedIn,
            Refusal::NameTaken,
            Refusal::RegistrationClosed,
            Refusal::UnknownUser,
            Refusal::BlockListFull,
            Refusal::StorageFailed,
            Refusal::Malformed,
            Refusal::NoMailbox,
        ];
        for refusal in &refusals {
            let told = told(refusal);
            let (why, advice) = told.split_once("; ").expect("what to do");
            assert_eq!(why, refusal.to_string());
            for named in advice.split('\'').filter_map(|quoted| quoted.strip_prefix('/')) {
                assert!(command::is_command(named), "{told}");
            }
        }
        let locked = Refusal::Locked { seconds: 7 };
        assert_eq!(told(&locked), "too many failed attempts: try again in 7 s");
    }
}
