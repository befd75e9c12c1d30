//! A web service with Actix Web.

use actix_web::{App, HttpServer, Responder, get};

#[get("/")]
async fn hello() -> impl Responder {
    "Hello from Actix Web"
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    HttpServer::new(|| App::new().service(hello))
        .bind(format!("0.0.0.0:{port}"))?
        .run()
        .await
}
