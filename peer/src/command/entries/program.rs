//! Commands about the program itself: connections, windows, settings.

use crate::command::help::{Entry, Verb};

pub(super) const PROGRAM: &[Entry] = &[
    Entry {
        verb: Verb::Net,
        name: "net",
        aliases: &[],
        arguments: "",
        summary: "The connections: address, round trip, rate, size of datagrams, losses",
        example: "/net",
        details: "The server first, then everybody you are connected to: directly, or through the server.",
    },
    Entry {
        verb: Verb::Server,
        name: "server",
        aliases: &[],
        arguments: "",
        summary: "Which server it is, its key, and how the connection to it is",
        example: "/server",
        details: "Another one: start the program with --server HOST.",
    },
    Entry {
        verb: Verb::Reconnect,
        name: "reconnect",
        aliases: &[],
        arguments: "",
        summary: "Try the server now",
        example: "/reconnect",
        details: "It is tried by itself again and again; this does not wait.",
    },
    Entry {
        verb: Verb::Buffer,
        name: "buffer",
        aliases: &["win", "window", "switch", "b"],
        arguments: "NUMBER|NAME",
        summary: "Show another window",
        example: "/buffer 2",
        details: "Alt-1 to Alt-9 do the same, and Alt-K finds one by a few letters.\n\
                  Without windows (--plain), plain lines go to NAME from then on.",
    },
    Entry {
        verb: Verb::Close,
        name: "close",
        aliases: &["stopprivate", "unquery"],
        arguments: "",
        summary: "Leave this chat; its history stays",
        example: "/close",
        details: "It opens again by itself when there is something new in it.",
    },
    Entry {
        verb: Verb::Clear,
        name: "clear",
        aliases: &[],
        arguments: "",
        summary: "Take everything off the screen",
        example: "/clear",
        details: "Nothing is forgotten: PgUp or /history brings it back.",
    },
    Entry {
        verb: Verb::Notify,
        name: "notify",
        aliases: &[],
        arguments: "[NAME|#ROOM] [all|mentions|off]",
        summary: "What of a chat calls you when you look elsewhere",
        example: "/notify #team all",
        details: "all: every message. mentions: those that name you, and files and invitations. off: \
                  nothing.\nUsually all of users and mentions in rooms. Without NAME, of the open chat; \
                  alone, it lists what you chose.\nHow you are called says --notify: /set notify \
                  bell,terminal,desktop.",
    },
    Entry {
        verb: Verb::Set,
        name: "set",
        aliases: &["prefs", "fset"],
        arguments: "[NAME [VALUE]]",
        summary: "Show the settings, or change one",
        example: "/set auto-accept 500M",
        details: "Their names are the long options of peer --help, and theme.PART for a colour of the \
                  full screen (PART: warning, notice, file, rule, own, bar, names).\n\
                  Some count from the next start on; that is said. /save keeps what you changed.",
    },
    Entry {
        verb: Verb::Unset,
        name: "unset",
        aliases: &[],
        arguments: "NAME",
        summary: "Let a setting be as if it had never been set",
        example: "/unset auto-accept",
        details: "",
    },
    Entry {
        verb: Verb::Alias,
        name: "alias",
        aliases: &["aliases"],
        arguments: "[NAME = LINE]",
        summary: "A word of your own for a line, or a list of them",
        example: "/alias brb = /msg bob back in five minutes",
        details: "What you type behind /NAME goes behind LINE. A command's name cannot be taken.\n\
                  '/alias load classroom' lets commands be written as course assignments have them: \
                  'message bob hi', 'OUT' (/set classroom false ends it).",
    },
    Entry {
        verb: Verb::Unalias,
        name: "unalias",
        aliases: &[],
        arguments: "NAME",
        summary: "Forget a word of your own",
        example: "/unalias brb",
        details: "",
    },
    Entry {
        verb: Verb::Bind,
        name: "bind",
        aliases: &[],
        arguments: "[KEY COMMAND]",
        summary: "Let a key of the full screen do a command, or list those that do",
        example: "/bind F5 /files",
        details: "KEY is F1 to F12, Ctrl- with a letter, or Alt- with a letter, digit or sign, as in \
                  Alt-W. It goes before what the key does otherwise; Ctrl-C, Tab and Enter stay \
                  what they are.",
    },
    Entry {
        verb: Verb::Unbind,
        name: "unbind",
        aliases: &[],
        arguments: "KEY",
        summary: "Let a key do again what it did",
        example: "/unbind F5",
        details: "",
    },
    Entry {
        verb: Verb::Theme,
        name: "theme",
        aliases: &[],
        arguments: "[PART COLOURS]",
        summary: "Choose a colour of the full screen, or list those chosen",
        example: "/theme warning light-red",
        details: "PART is warning, notice, file, rule, own, bar or names (which has several colours). Colours are red, \
                  light-red and so on,\ndefault, 0 to 255 or #rrggbb; off takes the choice back. /save keeps it.",
    },
    Entry {
        verb: Verb::Save,
        name: "save",
        aliases: &[],
        arguments: "",
        summary: "Write what /set, /alias and /bind changed into the configuration file",
        example: "/save",
        details: "The rest of the file stays as it is, comments too.",
    },
    Entry {
        verb: Verb::Reload,
        name: "reload",
        aliases: &[],
        arguments: "",
        summary: "Read the configuration file again",
        example: "/reload",
        details: "As after a new start with the same command line: what you changed and did not save \
                  is gone. What counts at a start only waits for the next one.",
    },
    Entry {
        verb: Verb::Help,
        name: "help",
        aliases: &["h", "?"],
        arguments: "[COMMAND|SUBJECT|commands|keys]",
        summary: "The names of all commands, what each does, or more on one",
        example: "/help send",
        details: "A subject is one of start, marks, offline, network, safety, settings, scripts.",
    },
    Entry {
        verb: Verb::Quit,
        name: "quit",
        aliases: &["exit", "q", "bye", "xit"],
        arguments: "[FAREWELL]",
        summary: "Leave the program",
        example: "/quit see you tomorrow",
        details: "What you wrote last still goes to its reader or into his mailbox, if that is done within three seconds. \
                  Other messages that wait and transfers that run go on at the next start.\n\
                  FAREWELL is told to those you are directly connected to just then, and to nobody else.",
    },
];
