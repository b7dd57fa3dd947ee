mod faults;
mod hostile;
mod together;
mod world;
