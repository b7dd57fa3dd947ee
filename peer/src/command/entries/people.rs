//! Commands about other users.

use crate::command::help::{Entry, Verb};

pub(super) const PEOPLE: &[Entry] = &[
    Entry {
        verb: Verb::Who,
        name: "who",
        aliases: &["activeuser", "atu", "whoelse", "online", "users", "lap"],
        arguments: "[PART]",
        summary: "Who is online, and since when",
        example: "/who an",
        details: "PART shows only names that contain it. Who blocks you is not shown.",
    },
    Entry {
        verb: Verb::Seen,
        name: "seen",
        aliases: &["whoelsesince", "wholasthr", "lastactivity"],
        arguments: "NAME|TIME",
        summary: "When NAME was last seen, or who was on in the last TIME",
        example: "/seen 90m",
        details: "TIME is a number with s, m, h or d; without a letter, seconds.\n\
                  A user whose name is a number: /seen @42.",
    },
    Entry {
        verb: Verb::Whois,
        name: "whois",
        aliases: &["info"],
        arguments: "NAME",
        summary: "All that is known of NAME: key, path, last seen, rooms",
        example: "/whois bob",
        details: "The key is yours to compare (/fingerprint); 'as the server says' until you have met.\n\
                  The path is the address to which your messages go, while there is a link.\n\
                  Without the server, what is known here.",
    },
    Entry {
        verb: Verb::Contacts,
        name: "contacts",
        aliases: &["roster", "c"],
        arguments: "",
        summary: "Whom you have met, and who of them is online",
        example: "/contacts",
        details: "Everybody whose key is known here, from a message or a room. Whom you block stands in \
                  /blocked, and who only asks to talk with you in /requests. Needs no server.",
    },
    Entry {
        verb: Verb::Add,
        name: "add",
        aliases: &["friend", "connect"],
        arguments: "NAME|CODE",
        summary: "Ask a user to talk, or type the code that he has said",
        example: "/add bob",
        details: "The same as /chat NAME and /code CODE, whichever it is. A user whose name looks like a code: \
                  /chat NAME.",
    },
    Entry {
        verb: Verb::Why,
        name: "why",
        aliases: &[],
        arguments: "NAME [--report]",
        summary: "What is known of reaching a user, in plain words",
        example: "/why bob",
        details: "Whether he is online, which path leads to him, what it loses, when something came and went last, \
                  what stands between the two of you (NATs), what holds each transfer up, and what would help.\n\
                  With --report no name, address, text or file is in it: to hand on to somebody who helps. \
                  'peer doctor' looks at this machine and the server without an account.",
    },
    Entry {
        verb: Verb::Ping,
        name: "ping",
        aliases: &["autoping"],
        arguments: "NAME",
        summary: "Have a user's program answer, and see how long that takes",
        example: "/ping bob",
        details: "Over the direct path, which is set up first where there is none. After ten seconds there is no \
                  answer.",
    },
    Entry {
        verb: Verb::Code,
        name: "code",
        aliases: &[],
        arguments: "[CODE]",
        summary: "Add somebody and verify his key, by a code that is said aloud",
        example: "/code 412-velvet-exotic",
        details: "/code alone makes one: say it to the other, who types it. Both keys are verified then, as \
                  by /trust,\nand neither has to ask the other before they talk.\n\
                  A code is good for one try within ten minutes, while you stay logged in. Capitals, \
                  dashes and\nblanks do not matter. If the words were right and it fails twice, \
                  somebody may be between you.",
    },
    Entry {
        verb: Verb::Requests,
        name: "requests",
        aliases: &["pending"],
        arguments: "",
        summary: "Who asks to talk with you, and which files are offered",
        example: "/requests",
        details: "Of whom you have never written to, you are shown only that he asks, and how he begins. The \
                  rest waits until you accept him. '/set strangers talk' lets everybody talk at once.",
    },
    Entry {
        verb: Verb::Accept,
        name: "accept",
        aliases: &["ac", "yes", "y"],
        arguments: "[NAME|NUMBER...]",
        summary: "Talk with who asks, or take an offered file",
        example: "/accept 3",
        details: "Alone, or as a plain 'yes', it answers the only one that waits (/requests). What NAME has \
                  said is shown then, and he is told; so it is when you write to him.\n\
                  Several files are taken by their numbers: '/accept 3 4 7'.\n\
                  Files go to the download folder; nothing there is ever overwritten.",
    },
    Entry {
        verb: Verb::Decline,
        name: "decline",
        aliases: &["reject", "rc", "no", "n"],
        arguments: "[NAME|NUMBER...]",
        summary: "Do not talk with who asks, or do not take an offered file",
        example: "/decline mallory",
        details: "Alone, or as a plain 'no', it answers the only one that waits. The other side is told. What \
                  NAME has said is deleted, and he can ask again a day later; /block him to hear no more.",
    },
    Entry {
        verb: Verb::Block,
        name: "block",
        aliases: &["blocked add"],
        arguments: "NAME",
        summary: "Hide from a user, and refuse messages and files",
        example: "/block mallory",
        details: "Takes effect at once, also on what runs. They see you as offline and are not \
                  told.",
    },
    Entry {
        verb: Verb::Unblock,
        name: "unblock",
        aliases: &[],
        arguments: "NAME",
        summary: "No longer block a user",
        example: "/unblock mallory",
        details: "Needs the server.",
    },
    Entry {
        verb: Verb::Blocked,
        name: "blocked",
        aliases: &[],
        arguments: "",
        summary: "Whom you block",
        example: "/blocked",
        details: "",
    },
    Entry {
        verb: Verb::Ignore,
        name: "ignore",
        aliases: &[],
        arguments: "[NAME]",
        summary: "Show nothing of what a user says as it comes, or list whom you ignore",
        example: "/ignore bob",
        details: "Here alone: he is not told, and what he says arrives and is kept; /history NAME has it. His files \
                  are not announced,\nbut /files lists them. In rooms his lines are not shown. /block keeps \
                  everything of him away.",
    },
    Entry {
        verb: Verb::Unignore,
        name: "unignore",
        aliases: &[],
        arguments: "NAME",
        summary: "Show again what a user says",
        example: "/unignore bob",
        details: "What came meanwhile is in /history NAME.",
    },
    Entry {
        verb: Verb::Away,
        name: "away",
        aliases: &[],
        arguments: "[TEXT]",
        summary: "Tell others that you are not at the machine",
        example: "/away back at two",
        details: "Until /back, or until the program ends. Messages and files come all the same.",
    },
    Entry {
        verb: Verb::Busy,
        name: "busy",
        aliases: &["dnd"],
        arguments: "[TEXT]",
        summary: "Tell others that you do not want to be disturbed",
        example: "/busy on the phone",
        details: "As /away: it only says so.",
    },
    Entry {
        verb: Verb::Status,
        name: "status",
        aliases: &[],
        arguments: "[TEXT]",
        summary: "Say something about yourself that others see",
        example: "/status cutting the holiday film",
        details: "You are here; /away and /busy say otherwise. Without TEXT, nothing is said.",
    },
    Entry {
        verb: Verb::Back,
        name: "back",
        aliases: &["here"],
        arguments: "",
        summary: "End /away and /busy",
        example: "/back",
        details: "",
    },
];
