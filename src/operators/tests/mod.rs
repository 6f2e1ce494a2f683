mod sessions;
mod store;
mod throttle;
