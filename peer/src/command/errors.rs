//! What may go wrong with each command, and what to do then: the last part of `/help COMMAND`.

use super::help::Verb;

const NO_USER: &str =
    "There is no user of that name: '/who' and '/contacts' list names, Tab completes them.";
const NO_ROOM: &str = "There is no such room, or you are not in it: '/rooms' lists yours.";
const NO_ROLE: &str = "Your role in the room does not allow it: '/members' shows whose does. Or the user is not in \
                       it, or it is so already.";
const NO_TRANSFER: &str = "No transfer has that number, or it is over: '/files' lists them.";
const NO_SERVER: &str =
    "The server is not there: it is tried again by itself, '/reconnect' tries at once.";
const NOT_KEPT: &str = "The disk is full or fails: nothing is sent that could not be kept here.";
const NO_LINE: &str = "No line or message has that number, or it is taken back: while the command is being \
                       typed, the full screen shows the numbers in the place of the times; elsewhere '/history' does.";
const NO_SETTING: &str = "There is no such setting, or the value does not fit: '/set' lists all.";
const NOTHING: &str = "Nothing: it works without the server, too.";

/// One paragraph.
#[expect(clippy::too_many_lines, reason = "an arm for each kind of failure")]
pub(super) const fn errors(verb: Verb) -> &'static str {
    match verb {
        Verb::Register => {
            "The name is taken (choose another), or no name; the server takes no new accounts; the password is \
             shorter than 8 characters."
        }
        Verb::Login => {
            "The name or the password is wrong: the server does not say which, and after some failures \
             locks the account for a while, which it says."
        }
        Verb::ChangePassword => {
            "The password that holds now is wrong, or the new one is shorter than 8 characters."
        }
        Verb::Account => {
            "The file is there already, cannot be read, or the passphrase is wrong; nothing is \
             changed then."
        }
        Verb::Message | Verb::Me => {
            "There is no such user, or he blocks or declines you: the message is marked as failed, and why \
             stands behind it. While he is away it waits."
        }
        Verb::Say | Verb::All => NO_ROOM,
        Verb::Reply | Verb::Edit | Verb::Unsend => NO_LINE,
        Verb::At | Verb::Mark | Verb::Play | Verb::Watch => {
            "No film was played here, no transfer has that number, or its player is gone: '/files' \
             lists them."
        }
        Verb::Send | Verb::Live | Verb::Export => {
            "The file is not there, cannot be read or written, or its name has blanks: then quotes belong round it."
        }
        Verb::Accept | Verb::Decline => {
            "Nothing waits for an answer, or several do: '/requests' lists them, and a name or number says which."
        }
        Verb::Pause | Verb::Resume | Verb::Cancel | Verb::Open | Verb::VerifyFile => NO_TRANSFER,
        Verb::Get => {
            "No offer has that number; there is no room on the disk; the folder does not let you write."
        }
        Verb::History | Verb::Search => {
            "Nothing is found: the names, or the words, are others; or there is no such time."
        }
        Verb::Who | Verb::Seen | Verb::Whois | Verb::Blocked | Verb::Contacts | Verb::Rooms => {
            NO_SERVER
        }
        Verb::Create => {
            "A room of that name exists, one of the invited users does not, or you are in as many rooms as one can be."
        }
        Verb::Join => {
            "There is no such room, you are not invited to it, or it is full: who is in it can invite you."
        }
        Verb::Leave => {
            "You are not in it; or you are its only owner: '/owner' makes somebody else one first."
        }
        Verb::Members | Verb::Topic => NO_ROOM,
        Verb::Invite
        | Verb::Kick
        | Verb::Mute
        | Verb::Unmute
        | Verb::Op
        | Verb::Deop
        | Verb::Owner => NO_ROLE,
        Verb::Rename => "The name is taken or is none, or you do not own the room.",
        Verb::Block | Verb::Unblock | Verb::Ignore | Verb::Unignore | Verb::AutoAccept => NO_USER,
        Verb::Fingerprint | Verb::Trust => {
            "Nothing is known of that user's key yet: it is there when you have been linked, or it was compared \
             since with another than the one that holds now."
        }
        Verb::Code | Verb::Add => {
            "The code is wrong, was used, or is older than ten minutes: a new one has to be made, as each can be tried \
             once only."
        }
        Verb::Ping | Verb::Why => {
            "The user is not online, or there is no such user; what then holds a message up is said."
        }
        Verb::Limit | Verb::Set | Verb::Unset | Verb::Theme => NO_SETTING,
        Verb::Alias | Verb::Unalias => {
            "The word is a command already, or none of yours: '/alias' lists them."
        }
        Verb::Bind | Verb::Unbind => {
            "There is no such key, or it stays what it is: '/bind' lists yours."
        }
        Verb::Save | Verb::Reload => {
            "The configuration file cannot be written or read, or makes no sense: which line is said, and all \
             stays as it was."
        }
        Verb::Notify => {
            "There is no such chat: '/notify' lists those where you have chosen something."
        }
        Verb::Away | Verb::Busy | Verb::Back | Verb::Status => NO_SERVER,
        Verb::Logout | Verb::Server | Verb::Reconnect => NO_SERVER,
        Verb::Buffer | Verb::Close | Verb::Unread => {
            "There is no such window: Alt-K finds one by a few letters."
        }
        Verb::Outbox | Verb::Requests => NOT_KEPT,
        Verb::Files | Verb::Net | Verb::Clear => NOTHING,
        Verb::Help => "There is no command and no subject of that name: '/help' lists both.",
        Verb::Quit => {
            "Messages and files are still on their way: it says so, and the same again leaves."
        }
    }
}
