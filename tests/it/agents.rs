//! The agents' live side over the network: directory, board, the socket and its rules.

use crate::on_both_servers;

on_both_servers! {
    async fn the_program_starts_and_stops(server: &mut TestServer) {
        assert_eq!(server.anon().get("/healthz").await.status, 200);
        assert!(!server.anon().get("/api/v1/directory").await.status.is_success());
        server.restart().await;
        assert_eq!(server.anon().get("/healthz").await.status, 200);
    }
}
