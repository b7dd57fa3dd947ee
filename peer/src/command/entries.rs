//! The table of commands: what the parser knows and what `/help` says are the same.

use super::help::{Entry, Verb};

/// Every command, in the order of the overview.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        verb: Verb::Register,
        name: "register",
        aliases: &[],
        arguments: "[NAME]",
        summary: "Make an account on the server and log in",
        example: "/register alice",
        details: "The password is asked for twice and never leaves this machine.\n\
                  A name that is taken, or that looks like one that is, is refused.",
    },
    Entry {
        verb: Verb::Login,
        name: "login",
        aliases: &[],
        arguments: "[NAME]",
        summary: "Log in with your password",
        example: "/login alice",
        details: "Needed once on each machine: afterwards it logs in by itself.\n\
                  After several wrong passwords the server refuses for a while and says for how \
                  long.",
    },
    Entry {
        verb: Verb::Logout,
        name: "logout",
        aliases: &["out"],
        arguments: "",
        summary: "End the session; the program stays",
        example: "/logout",
        details: "Messages that wait and transfers that run go on after the next login.",
    },
    Entry {
        verb: Verb::ChangePassword,
        name: "passwd",
        aliases: &["changepassword"],
        arguments: "",
        summary: "Change your password",
        example: "/passwd",
        details: "Asks for the current one and twice for the new one. Machines that are logged in stay so.\n\
                  A wrong current one counts like a failed login: after several the server refuses for \
                  a while.",
    },
    Entry {
        verb: Verb::Account,
        name: "account",
        aliases: &[],
        arguments: "export FILE | import FILE | delete",
        summary: "Carry your account to another machine in a file, or delete it",
        example: "/account export ~/alice.account",
        details: "The file holds your keys, your server and the keys that you verified, under a passphrase \
                  that is\nasked for. It is never written over another. Messages and files stay \
                  here.\n\
                  Where it is imported, nobody may be logged in; /login NAME or /register NAME then \
                  goes on with\nthese keys. A wrong passphrase and a damaged file look the same.\n\
                  delete asks for your name and password: letters, rooms, blocks and the name go from \
                  the server,\nyour keys from here, for ever. History and files stay. A wrong password \
                  counts like a failed login.",
    },
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
            "chat",
        ],
        arguments: "NAME [TEXT]",
        summary: "Send a message; without text, open a chat",
        example: "/msg bob see you at five",
        details: "'@bob see you at five' does the same. '/chat bob' opens the chat and asks bob to talk, where he \
                  has to accept you first.\n\
                  Who is not online finds it in his mailbox at the server, sealed for him alone, and \
                  if it is too long for that (3 KiB) or the mailbox is full, it waits here, also over \
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
                  the command; without it, the last message of the other side.\n\
                  A text that begins with a number: /reply . 5 will do. Not in rooms.",
    },
    Entry {
        verb: Verb::Edit,
        name: "edit",
        aliases: &["correct", "edt"],
        arguments: "[NUMBER] TEXT",
        summary: "Give a message of yours in the open chat another text",
        example: "/edit see you at six",
        details: "NUMBER is that of your message, as in 'message 7 to bob' and /history; the full screen \
                  shows it while you type the command. Without it, your last one.\n\
                  Both sides show the new text and that it was edited; who has read the old one has \
                  read it.\n\
                  A text that begins with a number: /edit . 6 o'clock. Edits work between two users, \
                  not in rooms.",
    },
    Entry {
        verb: Verb::Unsend,
        name: "unsend",
        aliases: &["dlt", "redact"],
        arguments: "[NUMBER]",
        summary: "Take back a message of yours in the open chat",
        example: "/unsend 7",
        details: "NUMBER as for /edit; without it, your last one.\n\
                  What was not sent yet never is. Else the other side's program is asked to hide it, \
                  which nobody can enforce: it may have been read, or kept elsewhere.\n\
                  Between two users, not in rooms.",
    },
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
        verb: Verb::Whois,
        name: "whois",
        aliases: &["info"],
        arguments: "NAME",
        summary: "All that is known of NAME: key, path, last seen, rooms",
        example: "/whois bob",
        details: "The key is yours to compare (/fingerprint); 'as the server says' until you have met.\n\
                  The path is the address to which your messages go, while there is a direct link.\n\
                  Without the server, what is known here.",
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
    Entry {
        verb: Verb::Rooms,
        name: "rooms",
        aliases: &["list"],
        arguments: "",
        summary: "Your rooms, invitations, and the open rooms",
        example: "/rooms",
        details: "",
    },
    Entry {
        verb: Verb::Create,
        name: "create",
        aliases: &["creategroup", "group", "g", "srb"],
        arguments: "ROOM [--open] [--history|--no-history] [NAME...]",
        summary: "Make a room and invite users to it",
        example: "/create team bob carol",
        details: "You own it. Who is invited is told, and comes in with '/join team'. With --open \
                  anybody may come in. A newcomer is given what was said before, where the room \
                  has its history shared: the usual for open rooms, and not for others.\n\
                  Messages go from you to each member, never to the server, which only knows who \
                  is in a room.\n\
                  The name follows the rules of user names; one that is taken is refused.",
    },
    Entry {
        verb: Verb::Join,
        name: "join",
        aliases: &["joingroup", "j"],
        arguments: "ROOM",
        summary: "Come into a room: invited, or an open one",
        example: "/join team",
        details: "What was said while you were not there comes from any member who has it.",
    },
    Entry {
        verb: Verb::Leave,
        name: "leave",
        aliases: &["part"],
        arguments: "[ROOM]",
        summary: "Leave a room, or decline the invitation to it",
        example: "/leave team",
        details: "Without ROOM, the open one; in a chat with a user its window closes.\n\
                  What was said stays in the history. When the last owner leaves, the operator \
                  (or else the member) who is longest there owns it.",
    },
    Entry {
        verb: Verb::Say,
        name: "say",
        aliases: &["groupmsg", "srm"],
        arguments: "ROOM TEXT",
        summary: "Say something in a room",
        example: "/say team the cut is done",
        details: "'#team the cut is done' does the same; '#team' alone opens it, and plain lines \
                  then go there. A mark tells how many members have it: who is not online gets \
                  it later, from you or from any member who has it.",
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
        verb: Verb::Members,
        name: "members",
        aliases: &["names"],
        arguments: "[#ROOM]",
        summary: "Who is in a room, with which role, and who is invited",
        example: "/members #team",
        details: "Without #ROOM, the open one; so in all commands about rooms.",
    },
    Entry {
        verb: Verb::Invite,
        name: "invite",
        aliases: &[],
        arguments: "[#ROOM] NAME",
        summary: "Let somebody come into a room",
        example: "/invite #team dave",
        details: "Every member may. Who is in it or invited already is not invited again.",
    },
    Entry {
        verb: Verb::Kick,
        name: "kick",
        aliases: &["remove"],
        arguments: "[#ROOM] NAME",
        summary: "Put somebody out of a room, or take his invitation back",
        example: "/kick #team mallory",
        details: "For operators and owners. He comes back only when he is invited again.",
    },
    Entry {
        verb: Verb::Mute,
        name: "mute",
        aliases: &["silence"],
        arguments: "[#ROOM] NAME",
        summary: "Let somebody hear and not speak in a room",
        example: "/mute #team mallory",
        details: "For operators and owners. Every member's program refuses what he says from then on.",
    },
    Entry {
        verb: Verb::Unmute,
        name: "unmute",
        aliases: &[],
        arguments: "[#ROOM] NAME",
        summary: "Let him speak again",
        example: "/unmute #team mallory",
        details: "",
    },
    Entry {
        verb: Verb::Op,
        name: "op",
        aliases: &["mod"],
        arguments: "[#ROOM] NAME",
        summary: "Make somebody an operator of a room",
        example: "/op #team carol",
        details: "For owners. Operators set the topic, kick and mute.",
    },
    Entry {
        verb: Verb::Deop,
        name: "deop",
        aliases: &[],
        arguments: "[#ROOM] NAME",
        summary: "Make an operator or owner an ordinary member",
        example: "/deop #team carol",
        details: "For owners.",
    },
    Entry {
        verb: Verb::Owner,
        name: "owner",
        aliases: &[],
        arguments: "[#ROOM] NAME",
        summary: "Make somebody an owner of a room beside you",
        example: "/owner #team carol",
        details: "For owners. Owners give roles, and rename the room.",
    },
    Entry {
        verb: Verb::Topic,
        name: "topic",
        aliases: &[],
        arguments: "[#ROOM] [TEXT]",
        summary: "Say what a room is about; without TEXT, show it",
        example: "/topic #team the holiday film",
        details: "For operators and owners. At most 256 bytes.",
    },
    Entry {
        verb: Verb::Rename,
        name: "rename",
        aliases: &[],
        arguments: "[#ROOM] NAME",
        summary: "Call a room otherwise",
        example: "/rename #team crew",
        details: "For owners. Its history goes with it.",
    },
    Entry {
        verb: Verb::Send,
        name: "send",
        aliases: &["p2pvideo", "upd", "sendfile", "upload", "f"],
        arguments: "NAME|#ROOM FILE...",
        summary: "Offer files to a user, or to a room",
        example: "/send bob \"holiday film.mp4\"",
        details: "Quote names with blanks, or put '\\' before each. '.' as NAME is the open chat.\n\
                  The offer waits until the other side is online and answers. It survives \
                  restarts of both sides. What a room is offered each member takes or not, and \
                  they fetch it from each other too: you send about one copy.",
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
        aliases: &["get", "ac", "yes", "y", "savefile", "download"],
        arguments: "[NAME|NUMBER]",
        summary: "Talk with who asks, or take an offered file",
        example: "/accept 3",
        details: "Alone, or as a plain 'yes', it answers the only one that waits (/requests). What NAME has \
                  said is shown then, and he is told; so it is when you write to him.\n\
                  Files go to the download folder; nothing there is ever overwritten.",
    },
    Entry {
        verb: Verb::Decline,
        name: "decline",
        aliases: &["reject", "rc", "no", "n"],
        arguments: "[NAME|NUMBER]",
        summary: "Do not talk with who asks, or do not take an offered file",
        example: "/decline mallory",
        details: "Alone, or as a plain 'no', it answers the only one that waits. The other side is told. What \
                  NAME has said is deleted, and he can ask again a day later; /block him to hear no more.",
    },
    Entry {
        verb: Verb::Files,
        name: "files",
        aliases: &["transfers"],
        arguments: "",
        summary: "Offers and transfers, with their numbers",
        example: "/files",
        details: "",
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
        aliases: &[],
        arguments: "NUMBER",
        summary: "Give up a transfer",
        example: "/cancel 3",
        details: "For good; the other side is told. /pause keeps it.",
    },
    Entry {
        verb: Verb::Block,
        name: "block",
        aliases: &[],
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
        verb: Verb::Contacts,
        name: "contacts",
        aliases: &["roster"],
        arguments: "",
        summary: "Whom you have met, and who of them is online",
        example: "/contacts",
        details: "Everybody whose key is known here, from a message or a room. Whom you block stands in \
                  /blocked, and who only asks to talk with you in /requests. Needs no server.",
    },
    Entry {
        verb: Verb::History,
        name: "history",
        aliases: &["view", "rdm", "lastlog", "scrollback"],
        arguments: "[NAME|#ROOM|all] [COUNT]",
        summary: "The last lines of a conversation",
        example: "/history bob 50",
        details: "Without NAME, of the open chat, or of all. 20 lines unless COUNT says \
                  otherwise, at most 1000.",
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
        verb: Verb::Export,
        name: "export",
        aliases: &[],
        arguments: "[NAME|#ROOM|all] FILE",
        summary: "Write a conversation into a file",
        example: "/export bob ~/bob.txt",
        details: "Without NAME, the open chat, or all. A name that ends with .txt is written for \
                  reading, one that ends with .json as one JSON object for each message.\n\
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
    Entry {
        verb: Verb::Net,
        name: "net",
        aliases: &[],
        arguments: "",
        summary: "The connections: address, round trip, rate, size of datagrams, losses",
        example: "/net",
        details: "The server first, then everybody you are directly connected to.",
    },
    Entry {
        verb: Verb::Fingerprint,
        name: "fingerprint",
        aliases: &["verify"],
        arguments: "[NAME]",
        summary: "A user's key and safety number, or your key and the server's",
        example: "/fingerprint bob",
        details: "Both of you see the same safety number, or somebody stands between you: compare it \
                  over\nanother channel (by telephone, or with the camera), for the server could lie. \
                  Then /trust NAME.\n\
                  The code on the screen holds a text: tincan, both names, the number.",
    },
    Entry {
        verb: Verb::Trust,
        name: "trust",
        aliases: &[],
        arguments: "NAME|server",
        summary: "The key that /fingerprint has shown is this user's; or accept the server's new key",
        example: "/trust bob",
        details: "Only after you have compared the safety number. Exactly the key that was compared is \
                  accepted,\nand from then on nothing is sent to any other one. Of a user whom you did \
                  not verify, a new\nkey is told before each connection, but does not stop you.\n\
                  A new key means that they made a new account, or that somebody stands between you.",
    },
    Entry {
        verb: Verb::Reconnect,
        name: "reconnect",
        aliases: &["connect"],
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
        arguments: "[COMMAND|keys]",
        summary: "This list, or more on one command",
        example: "/help send",
        details: "",
    },
    Entry {
        verb: Verb::Quit,
        name: "quit",
        aliases: &["exit", "q", "bye", "xit"],
        arguments: "",
        summary: "Leave the program",
        example: "/quit",
        details: "Messages that wait and transfers that run go on at the next start.",
    },
];
