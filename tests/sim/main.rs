//! Scenarios in virtual time. One binary; each file is one subject.

mod accounts;
mod attention;
mod codes;
mod coldstart;
mod crashes;
mod folders;
mod goodput;
mod handshake;
mod hostile;
mod idle;
mod live;
mod mail;
mod party;
mod paths;
mod playing;
mod preview;
mod punching;
mod relayed;
mod requests;
mod room_files;
mod rooms;
mod support;
mod swarm;
mod transfer;
mod watching;
mod why;
