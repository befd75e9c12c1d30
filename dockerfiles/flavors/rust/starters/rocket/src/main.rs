//! A web service with Rocket.

use rocket::{Build, Rocket, get, launch, routes};

#[get("/")]
fn hello() -> &'static str {
    "Hello from Rocket"
}

#[launch]
fn rocket() -> Rocket<Build> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let address = rocket::Config::figment()
        .merge(("address", "0.0.0.0"))
        .merge(("port", port.parse::<u16>().expect("PORT is a number")));
    rocket::custom(address).mount("/", routes![hello])
}
