//! Commands about rooms.

use crate::command::help::{Entry, Verb};

pub(super) const ROOMS: &[Entry] = &[
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
        aliases: &["nickname"],
        arguments: "[#ROOM] NAME | @NAME [NICKNAME]",
        summary: "Call a room otherwise, or a user for yourself alone",
        example: "/rename bob Bob from work",
        details: "'/rename #team crew' is for owners of the room; its history goes with it. What you call a user \
                  stands\nbeside his name, only on this machine, and finds him in Alt-K and behind Tab; commands \
                  take his name.\n'/rename bob' alone: nothing but his name again.",
    },
];
