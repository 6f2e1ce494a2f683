//! A small shop and a small update mirror, for the demonstration: real HTTP servers with nothing behind them.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use actix_web::App;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::http::header;
use actix_web::web;

/// Starts both on one loopback port that the system chooses.
///
/// # Errors
/// When no port can be bound.
pub(super) fn start() -> std::io::Result<(Server, SocketAddr)> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/api/orders", web::post().to(order))
            .route("/mirror/{file:.*}", web::get().to(file))
            .route("/mirror/{file:.*}", web::head().to(file))
            .default_service(web::to(shop))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = server.addrs().first().copied();
    let address = address.ok_or_else(|| std::io::Error::other("no address was bound"))?;
    Ok((server.run(), address))
}

async fn order(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created()
        .content_type("application/json")
        .body(format!("{{\"order\":\"accepted\",\"bytes\":{}}}\n", body.len()))
}

/// The layout of the vendor's update servers: indexes, and databases below `bases`.
async fn file(request: HttpRequest) -> HttpResponse {
    let name = request.match_info().query("file");
    let body = match name {
        "index/u1313g.xml" => {
            "<?xml version=\"1.0\"?>\n<Update UpdateDate=\"29092024 0400\"/>\n".to_owned()
        }
        _ if name.starts_with("bases/") => format!("sample database {name}\n"),
        _ => return HttpResponse::NotFound().body("no such file\n"),
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .insert_header((header::ETAG, "\"sample-1\""))
        .content_type("application/octet-stream")
        .body(body)
}

async fn shop() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(
        "<!doctype html><html lang=\"en\"><title>Sample shop</title><h1>Sample shop</h1>\
         <p>Nothing here is judged: this page passes through.</p></html>\n",
    )
}
