mod faults;
mod folders;
mod hostile;
mod members;
mod playing;
mod together;
mod world;
