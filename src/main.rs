//! The program `madoguchi`: see `madoguchi --help`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    madoguchi::cli::run().await
}
