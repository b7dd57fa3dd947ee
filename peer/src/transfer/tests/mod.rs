mod faults;
mod hostile;
mod members;
mod together;
mod world;
