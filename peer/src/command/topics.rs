//! What `/help` says about subjects that are no commands.

/// A subject.
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// All of them.
pub(crate) const TOPICS: &[Topic] = &[
    Topic {
        name: "start",
        title: "The first steps",
        text: "\
'/register NAME' makes an account at the server, '/login NAME' uses one; the password is asked for and never \
shown.
'/who' lists who is online. '/msg bob' opens a window for bob; what you type there goes to him. Your first message \
asks him whether he talks with you: he answers with 'yes'. '/code' makes a code that you can tell somebody \
on the telephone, and that adds each of you to the other's contacts, verified.
'/send bob film.mp4' offers him a file; '/files' shows how far it is, '/play 1' plays what arrives.
'/create team bob carol' makes a room. '/quit' leaves; what has not arrived goes on at the next start.",
    },
    Topic {
        name: "marks",
        title: "Marks on messages, files and windows",
        text: "\
Before a message of yours: … it waits here; · the server keeps it, sealed, until the other side is there; \
✓ it arrived; ✓✓ it was read (where he lets you know); ✗ it failed, and why stands behind it.
In the list of windows: * something new, ! you are called, … something waits here, ⏸ a transfer pauses.
Where the terminal has no such signs, those before messages are ~ . + ++ x.",
    },
    Topic {
        name: "offline",
        title: "Who is away",
        text: "\
A message for somebody who is away is sealed with his keys and left at the server, for as long as the server's \
rules allow; it waits here as well until he has it, and is shown once. Each such letter is sealed with a key that he uses \
once, and deletes: whoever takes his machine later cannot open what he has read. When those have run out one of \
the week is used, and the message's state says so. '/outbox' lists what waits.
A file waits here: it starts when both are online, and goes on after any break where it was. What was said in a \
room while you were away comes from any member who has it.",
    },
    Topic {
        name: "network",
        title: "How two peers find each other",
        text: "\
The server introduces two users to each other; then both send to all addresses of the other until one way answers. \
'/why bob' says which were tried, which one it is and what holds it up; '/net' what each link costs.
Where no direct way is found the server passes the sealed datagrams on, up to a rate for each user, and a direct way \
is still looked for. A fixed port ('--udp 6000') that your router forwards to this machine always gives one.
A link that breaks is looked for again by itself; '/reconnect' does so at once for the server.",
    },
    Topic {
        name: "safety",
        title: "Who can read what",
        text: "\
Only the two who talk: all of it is encrypted between them, and so are rooms and files. The server knows who is \
online, who talks with whom and how much, and nothing of what is said. It could lie about whose key is whose: \
compare the number that '/fingerprint bob' shows with the one that he sees, or use a '/code', and say '/trust bob'. \
From then on nothing is sent under another key.
'/block bob' keeps him away, and he is not told. '/account export FILE' writes your identity to a file under a passphrase: \
without one, who loses this machine loses the account's keys.",
    },
    Topic {
        name: "settings",
        title: "Settings",
        text: "\
'/set' lists all with where each comes from: the command line, the environment (TINCAN_...), what was typed, the \
configuration file, or what is usual. '/set NAME VALUE' holds at once and until the end; '/save' writes it to the file, \
'/reload' reads the file again. '/alias', '/bind' and '/theme' are words, keys and colours of your own.",
    },
    Topic {
        name: "scripts",
        title: "Programs that use it",
        text: "\
'peer msg bob hi --wait delivered', 'peer send bob film.mp4', 'peer receive' and others do one thing and end \
with a status that says how it went ('peer --help'). 'peer --json' reads commands and tells events as lines of JSON.
'--on-message PROGRAM' and '--on-file PROGRAM' run a program of yours for what arrives, its words as arguments.",
    },
];

/// The subject of this name.
pub(super) fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::super::entries::entries;
    use super::super::help::help;
    use super::super::{ParsedLine, is_command, parse};
    use super::*;

    #[test]
    fn every_subject_can_be_asked_for_and_names_commands_that_exist() {
        for Topic { name, title, text } in TOPICS {
            assert!(!is_command(name), "{name} would never be shown, or hide a command");
            assert_eq!(help(&name.to_uppercase()), Some(format!("{title}\n{text}")));
            assert!(entries().any(|entry| entry.name == "help" && entry.details.contains(name)));
            let commands = text.split('\'').filter(|quoted| quoted.starts_with('/'));
            for command in commands {
                let context =
                    super::super::Context { chat: Some("bob".into()), ..Default::default() };
                let parsed = parse(&command.replace("VALUE", "1"), &context);
                assert!(!matches!(parsed, ParsedLine::Error(_)), "{command}: {parsed:?}");
            }
        }
    }
}
