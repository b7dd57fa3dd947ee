//! Commands about what is said.

use crate::command::help::{Entry, Verb};

pub(super) const TALK: &[Entry] = &[
    Entry {
        verb: Verb::Message,
        name: "msg",
        aliases: &[
            "msgto",
            "message",
            "m",
            "private",
            "startprivate",
            "whisper",
            "w",
            "query",
            "dcc chat",
            "chat",
        ],
        arguments: "NAME [TEXT]",
        summary: "Send a message; without text, open a chat",
        example: "/msg bob see you at five",
        details: "'@bob see you at five' does the same. '/chat bob' opens the chat and asks bob to talk, where he \
                  has to accept you first.\n\
                  Who is not online finds it in his mailbox at the server, sealed for him alone, and \
                  if the mailbox has no room for it, it waits here with what you write after it, also over \
                  a restart (/outbox). Marks: on its way, \u{b7} in the mailbox, \u{2713} delivered.\n\
                  At most 64 KiB.",
    },
    Entry {
        verb: Verb::Me,
        name: "me",
        aliases: &[],
        arguments: "TEXT",
        summary: "Say in the open chat what you do",
        example: "/me waves",
        details: "It goes as the text '/me waves', which this program shows as '* alice waves'.",
    },
    Entry {
        verb: Verb::Reply,
        name: "reply",
        aliases: &["r"],
        arguments: "[LINE] TEXT",
        summary: "Answer a message in the open chat",
        example: "/reply 41 yes, at five",
        details: "LINE is the number of a line in /history, which the full screen shows while you type \
                  the command; without it, the last message of the other side, or of others in the room.\n\
                  A text that begins with a number: /reply . 5 will do.",
    },
    Entry {
        verb: Verb::Edit,
        name: "edit",
        aliases: &["correct", "edt"],
        arguments: "[NUMBER] TEXT",
        summary: "Give a message of yours in the open chat another text",
        example: "/edit see you at six",
        details: "NUMBER is that of your message, as in 'message 7 to bob', 'message 3 to #team' and \
                  /history; the full screen shows it while you type the command. Without it, your last \
                  one. Your messages to each user, and to each room, are counted from 1, changes of them \
                  too.\n\
                  On the full screen, without a text, that of the message comes back into the line: \
                  change it there, and Enter.\n\
                  All who have it show the new text and that it was edited; who has read the old one has \
                  read it.\n\
                  A text that begins with a number: /edit . 6 o'clock. In a room, 100 edits of one message \
                  are the most.",
    },
    Entry {
        verb: Verb::Unsend,
        name: "unsend",
        aliases: &["dlt", "redact"],
        arguments: "[NUMBER]",
        summary: "Take back a message of yours in the open chat",
        example: "/unsend 7",
        details: "NUMBER as for /edit; without it, your last one.\n\
                  What was not sent yet never is. Else the programs of the other side, or of those in the \
                  room, are asked to hide it, which nobody can enforce: it may have been read, or kept \
                  elsewhere.",
    },
    Entry {
        verb: Verb::At,
        name: "at",
        aliases: &["comment"],
        arguments: "[NUMBER] TIME TEXT",
        summary: "Say something in the open chat about a moment of a film",
        example: "/at 3 12:34 look at the left",
        details: "NUMBER is the transfer (/files); without it, the film of this chat that was played last, or \
                  else handed over last. TIME is [h:]mm:ss[.fff], or seconds as in 90s.\n\
                  Everybody sees '[12:34 film.mp4] look at the left', and '/play at 12:34' goes there. The \
                  comments are about the file itself, whatever it is called elsewhere. /export writes them \
                  as chapters for a player.",
    },
    Entry {
        verb: Verb::Mark,
        name: "mark",
        aliases: &[],
        arguments: "[NUMBER] TEXT",
        summary: "The same about the moment at which your player is",
        example: "/mark look at the left",
        details: "It is read from the mpv that /play has started and that plays the file. Other players do not \
                  tell where they are: /at says the same with a time.\n\
                  A text that begins with a number: /mark . 3 of them.",
    },
    Entry {
        verb: Verb::All,
        name: "all",
        aliases: &["broadcast", "bcm"],
        arguments: "TEXT",
        summary: "Say something in the lobby, where the server has one",
        example: "/all good morning",
        details: "The same as '#lobby good morning'. Everybody is in the lobby who has not left it.",
    },
    Entry {
        verb: Verb::History,
        name: "history",
        aliases: &["view", "rdm", "lastlog", "scrollback"],
        arguments: "[NAME|#ROOM|all] [COUNT|SINCE]",
        summary: "The last lines of a conversation, so many or since a time",
        example: "/history bob 2h",
        details: "Without NAME, of the open chat, or of all. 20 lines unless COUNT says otherwise. SINCE is a \
                  time that has gone by (90s, 30m, 2h, 3d), a time of day (14:05 or 14:05:30, the last one), a \
                  date, or both (2026-01-31 14:05). At most 1000 lines, the newest. '@7' and '@2h' are names.",
    },
    Entry {
        verb: Verb::Search,
        name: "search",
        aliases: &[],
        arguments: "[@NAME|#ROOM|.] WORDS",
        summary: "Lines with these words, of all conversations or of one",
        example: "/search @bob five o'clock",
        details: "'.' is the open chat. All words have to be there, in any order; the newest 100 lines \
                  are shown. Everything is searched on this machine only.",
    },
    Entry {
        verb: Verb::Unread,
        name: "unread",
        aliases: &[],
        arguments: "",
        summary: "Go to what you have not seen yet",
        example: "/unread",
        details: "To the first such line of this window, else of the next window that has one. Alt-U and Alt-A do the \
                  same.",
    },
    Entry {
        verb: Verb::Export,
        name: "export",
        aliases: &[],
        arguments: "[NAME|#ROOM|all] FILE [NUMBER]",
        summary: "Write a conversation into a file",
        example: "/export bob ~/bob.txt",
        details: "Without NAME, the open chat, or all. A name that ends with .txt is written for \
                  reading, one that ends with .json as one JSON object for each message.\n\
                  One that ends with .ffmetadata gets the comments (/at) on one film as chapters: that of \
                  transfer NUMBER, or of the film played or handed over last. \
                  'mpv --chapters-file=FILE' shows them.\n\
                  Only you can read the file, and none that is there is overwritten.",
    },
    Entry {
        verb: Verb::Outbox,
        name: "outbox",
        aliases: &[],
        arguments: "",
        summary: "Messages that wait for the other side",
        example: "/outbox",
        details: "",
    },
];
