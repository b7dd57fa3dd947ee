//! Commands about files that go from one to another.

use crate::command::help::{Entry, Verb};

pub(super) const FILES: &[Entry] = &[
    Entry {
        verb: Verb::Send,
        name: "send",
        aliases: &["p2pvideo", "upd", "sendfile", "upload", "dcc send", "f"],
        arguments: "[NAME|#ROOM] PATH...",
        summary: "Offer files and folders to a user, or files to a room",
        example: "/send bob \"holiday film.mp4\"",
        details: "Quote names with blanks, or put '\\' before each. '.' as NAME is the open chat, and so is none\nwhere there is one file.\n\
                  The offer waits until the other side is online and answers. It survives \
                  restarts of both sides. What a room is offered each member takes or not, and \
                  they fetch it from each other too: you send about one copy.\n\
                  A folder goes with all files in it and in the folders in it, hidden ones too, as one offer: \
                  one answer is for all\nof it, and so are /pause, /resume and /cancel. Links are left out, and \
                  empty folders do not go. At most 10000\nfiles: pack more into one.",
    },
    Entry {
        verb: Verb::Live,
        name: "live",
        aliases: &[],
        arguments: "[NAME] FILE | end NUMBER",
        summary: "Hand over a file that is still being written, as it grows",
        example: "/live bob ~/cam.mkv",
        details: "The other side gets it as it comes, may /play it a little behind you, and ends with the same \
                  file, verified. It has ended when no program of yours has it open for writing and it has not \
                  grown for five seconds, or when you say /live end NUMBER. One that nobody writes goes as with \
                  /send. One that is cut short or replaced while it grows ends the transfer.\n\
                  It survives restarts of both sides. It goes to one user, not to a room. 'peer live bob -' hands \
                  over standard input.",
    },
    Entry {
        verb: Verb::Get,
        name: "get",
        aliases: &["savefile", "download", "dcc get"],
        arguments: "NUMBER [as PATH]",
        summary: "Take an offered file, and save it where you say",
        example: "/get 3 as ~/films/trip.mp4",
        details: "PATH is a new name, or a folder that is there, in which the file keeps its name; it is in the \
                  download folder when it\nis relative. Nothing is ever overwritten: 'trip (2).mp4' \
                  stands beside 'trip.mp4'. A folder that is\nnot there pauses the transfer: make it, then \
                  /resume NUMBER. A folder that is offered goes there as a whole.",
    },
    Entry {
        verb: Verb::AutoAccept,
        name: "autoaccept",
        aliases: &[],
        arguments: "[NAME [on|off|usual|SIZE]]",
        summary: "Take a user's files without asking, or up to SIZE each",
        example: "/autoaccept bob 2G",
        details: "Of a file that still grows (/live) nobody knows the size: only on takes it at once, SIZE when it has \
                  ended and is no larger.\noff asks of every file of his, usual goes by the setting auto-accept, as for everybody else. \
                  Alone it lists of whom\nsomething was chosen. Strangers ask to talk first, whatever stands \
                  here.",
    },
    Entry {
        verb: Verb::Files,
        name: "files",
        aliases: &["transfers", "dcc list"],
        arguments: "[NUMBER]",
        summary: "Offers and transfers, with their numbers",
        example: "/files",
        details: "A folder is one line; with its number, its files are listed, each with a number of its own for \
                  /play, /open and\n/verify-file. Of a film its number tells how long it is, how it is written, and whether it plays \
                  while it arrives.",
    },
    Entry {
        verb: Verb::Pause,
        name: "pause",
        aliases: &[],
        arguments: "NUMBER",
        summary: "Pause a transfer",
        example: "/pause 3",
        details: "Either side may; it goes on when neither does any more.",
    },
    Entry {
        verb: Verb::Resume,
        name: "resume",
        aliases: &[],
        arguments: "NUMBER",
        summary: "Go on with a paused transfer",
        example: "/resume 3",
        details: "If the other side has paused it too, it waits for them.",
    },
    Entry {
        verb: Verb::Cancel,
        name: "cancel",
        aliases: &["dcc close"],
        arguments: "NUMBER",
        summary: "Give up a transfer",
        example: "/cancel 3",
        details: "For good; the other side is told. /pause keeps it.",
    },
    Entry {
        verb: Verb::Play,
        name: "play",
        aliases: &[],
        arguments: "[NUMBER] [at TIME] | line LINE",
        summary: "Watch a file, also while it arrives",
        example: "/play 3 at 12:34",
        details: "It is given to your player (/set player) under an address of this machine that nobody \
                  else knows. What the player asks for is fetched first, so you can seek; it waits for what \
                  is not here. Without a terminal, and in JSON, no player is started: the address is told.\n\
                  TIME is [h:]mm:ss[.fff], or seconds as in 90s. mpv begins there, or goes there where it plays \
                  the file already. '/play line 41' goes to the moment of the comment (/at) in that line of \
                  /history. Without NUMBER, the film of the open chat that was played last, or else handed over \
                  last.\n\
                  An offer is accepted first. What another run of the program had fetched is checked before \
                  it plays, when the transfer goes on.",
    },
    Entry {
        verb: Verb::Watch,
        name: "watch",
        aliases: &[],
        arguments: "NUMBER [NAME...] | off",
        summary: "Watch a film together: play, pause and go elsewhere as one",
        example: "/watch 3 bob carol",
        details: "Those you name are asked, and come in by /watch NUMBER, with their number of the film. It begins, in \
                  everybody's mpv, when all who are in have enough of it, also while it still arrives. What anybody \
                  does in his mpv all do. When somebody has to wait for the film all wait for him.\n\
                  /watch off, or closing the player, leaves; when whoever proposed it leaves it is over. At most 8 \
                  persons. It needs mpv as player (/set player), at a terminal.",
    },
    Entry {
        verb: Verb::Open,
        name: "open",
        aliases: &[],
        arguments: "NUMBER",
        summary: "Open a file that is complete, or that you have sent",
        example: "/open 3",
        details: "With the program for it (/set opener). Without a terminal, and in JSON, none is started: \
                  it is told where the file is. One that is still on its way plays with /play.",
    },
    Entry {
        verb: Verb::Limit,
        name: "limit",
        aliases: &["speed"],
        arguments: "[up|down [SPEED|off]]",
        summary: "Send or fetch files no faster than so many bytes a second",
        example: "/limit up 2M",
        details: "2M is two million bytes a second, for all transfers together. Messages are never slowed down. Alone \
                  it shows both.\n/save keeps them; --limit-up and --limit-down are the same.",
    },
    Entry {
        verb: Verb::VerifyFile,
        name: "verify-file",
        aliases: &["recheck"],
        arguments: "NUMBER",
        summary: "Read a complete file again, and have what is wrong of it sent again",
        example: "/verify-file 3",
        details: "Of files that arrived and of those you have sent. When one that arrived is not what it was, whoever \
                  sent it is asked\nfor what is wrong, and the repaired file stands beside it: 'trip (2).mp4'. The \
                  file itself is never changed. Of files\nof rooms and folders it is only told.",
    },
];
