//! The example in `examples/openssh-bastion`: a real sshd is bought, gone through with `ssh -J` to a
//! second real sshd, suspended, resumed and removed.

mod bought;
mod site;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tokio::process::Command;

use site::{LOOKS_MAX, Site, ask, everywhere, kill, until};

#[tokio::test]
async fn whoever_asks_twice_gets_one_bastion_and_goes_through_it() {
    let site = Site::new().await;
    let plan = everywhere();
    let first = site.provision("i-1", &plan).await;
    let again = site.provision("i-1", &plan).await;
    assert_eq!(first, again, "the second ask repeats the first answer");
    assert_eq!(site.through("i-1").await, Ok(()));
    assert_eq!(site.listeners().len(), 1);
    let port = site.target_port();
    let went = format!("target 127.0.0.1 port {port}");
    until("the session log", || {
        let log = site.session_log("i-1");
        log.contains("Accepted publickey for") && log.contains(&went) && log.starts_with("20")
    })
    .await;

    let shell = site.ssh("i-1", &["bastion"]).output().await.expect("ssh");
    assert!(!shell.status.success() || shell.stdout.starts_with(b"This is a jump host"));

    let other = site.provision("i-2", &plan).await;
    assert_ne!(first["front_end"]["url"], other["front_end"]["url"]);
    assert_ne!(first["extra"], other["extra"]);
    let stranger = site.ask(&ask("provision", "op-2", "i-1", &plan)).await;
    assert_eq!(stranger.status.code(), Some(65), "{stranger:?}");
}

#[tokio::test]
async fn asked_eight_times_at_once_it_makes_one_bastion() {
    let site = Site::new().await;
    let asked = ask("provision", "op-1", "i-1", &everywhere());
    let asks = (0..8).map(|_| site.done(&asked));
    let all = futures_util::future::join_all(asks).await;
    assert!(all.iter().all(|answer| answer == &all[0]), "{all:?}");
    assert_eq!(site.listeners().len(), 1);
    site.provision("i-1", &everywhere()).await;
    assert_eq!(site.through("i-1").await, Ok(()));
}

#[tokio::test]
async fn killed_at_any_moment_it_repeats_its_answer_and_makes_one_bastion() {
    let site = Site::new().await;
    let plan = everywhere();
    for (kind, operation) in [
        ("provision", "op-1"),
        ("suspend", "op-2"),
        ("resume", "op-3"),
    ] {
        let asked = ask(kind, operation, "i-1", &plan);
        for moment in 0..10 {
            let mut run = site.begun(&asked).await;
            // A run takes about a tenth of a second.
            tokio::time::sleep(Duration::from_millis(moment * 12)).await;
            let group = run.id().and_then(|id| i32::try_from(id).ok());
            if let Some(group) = group.and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process_group(group, Signal::KILL);
            }
            run.wait().await.expect("it ends");
        }
        assert_eq!(site.done(&asked).await, site.done(&asked).await);
        let listeners = usize::from(kind != "suspend");
        assert_eq!(site.listeners().len(), listeners, "after {kind}");
    }
    site.provision("i-1", &plan).await;
    assert_eq!(site.through("i-1").await, Ok(()));
}

#[tokio::test]
async fn a_plan_says_where_it_leads_and_another_plan_says_so_at_once() {
    let site = Site::new().await;
    let port = site.target_port();
    let narrow = json!({"permit_open": ["127.0.0.1:1"]});
    site.provision("i-1", &narrow).await;
    let refused = site.through("i-1").await.expect_err("it is not permitted");
    assert!(refused.contains("administratively prohibited"), "{refused}");
    until("the log of the refusal", || {
        site.session_log("i-1").contains("was denied")
    })
    .await;

    let wide = json!({"permit_open": [format!("127.0.0.1:{port}")]});
    let changed = site.done(&ask("change_plan", "op-2", "i-1", &wide)).await;
    assert_eq!(
        changed,
        json!({"access": {}}),
        "the buyer keeps what they have"
    );
    assert_eq!(site.through("i-1").await, Ok(()));
    // Whoever is inside is not thrown out by another plan.
    let mut inside = site.stay("i-1").await;
    site.done(&ask("change_plan", "op-3", "i-1", &narrow)).await;
    site.through("i-1")
        .await
        .expect_err("it is not permitted any more");
    assert!(inside.try_wait().expect("a status").is_none());
    // A repeat of what is over changes nothing.
    site.done(&ask("change_plan", "op-2", "i-1", &wide)).await;
    site.through("i-1")
        .await
        .expect_err("it is not permitted any more");

    let wrong = json!({"permit_open": ["127.0.0.1:22\nPermitTTY yes"]});
    let wrong = site.ask(&ask("change_plan", "op-4", "i-1", &wrong)).await;
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("host:port is wanted"));
}

#[tokio::test]
async fn no_more_sessions_than_were_bought() {
    let site = Site::new().await;
    let plan = json!({"permit_open": ["127.0.0.1:*"], "sessions": 1});
    site.provision("i-1", &plan).await;
    let mut inside = site.stay("i-1").await;
    let refused = site
        .through("i-1")
        .await
        .expect_err("the only place is taken");
    assert!(refused.contains("Permission denied"), "{refused}");
    assert!(site.session_log("i-1").contains("all 1 sessions are taken"));
    drop(inside.stdin.take());
    assert!(inside.wait().await.expect("it ends").success());
    // The place is free once the process of the connection is gone.
    let mut looks = 0..LOOKS_MAX;
    while let Err(refused) = site.through("i-1").await {
        assert!(looks.next().is_some(), "{refused}");
    }
}

#[tokio::test]
async fn suspended_it_ends_what_goes_on_and_refuses_until_it_is_resumed() {
    let site = Site::new().await;
    let plan = everywhere();
    site.provision("i-1", &plan).await;
    let mut inside = site.stay("i-1").await;
    site.done(&ask("suspend", "op-2", "i-1", &plan)).await;
    assert!(!inside.wait().await.expect("it ends").success());
    let refused = site.through("i-1").await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");
    assert_eq!(site.running(), [], "nothing of it runs");

    // A repeat of the provision answers what it answered, and wakes nothing.
    site.provision("i-1", &plan).await;
    site.through("i-1").await.expect_err("nobody listens");

    site.done(&ask("renew", "op-3", "i-1", &plan)).await;
    site.done(&ask("resume", "op-4", "i-1", &plan)).await;
    assert_eq!(
        site.through("i-1").await,
        Ok(()),
        "with the same key, at the same port"
    );
    site.done(&ask("suspend", "op-2", "i-1", &plan)).await;
    assert_eq!(
        site.through("i-1").await,
        Ok(()),
        "a suspend that comes late is over"
    );
}

#[tokio::test]
async fn an_sshd_that_died_is_started_by_whatever_is_asked_next() {
    let site = Site::new().await;
    let plan = everywhere();
    let first = site.provision("i-1", &plan).await;
    let inside = site.stay("i-1").await;
    for listener in site.listeners() {
        kill(listener);
    }
    until("its end", || site.listeners().is_empty()).await;
    site.through("i-1").await.expect_err("nobody listens");
    assert_eq!(site.provision("i-1", &plan).await, first);
    assert_eq!(site.through("i-1").await, Ok(()));

    // Sessions whose sshd died are found all the same.
    for listener in site.listeners() {
        kill(listener);
    }
    until("its end", || site.listeners().is_empty()).await;
    site.done(&ask("suspend", "op-2", "i-1", &plan)).await;
    let ended = inside.wait_with_output().await.expect("it ends");
    assert!(!ended.status.success());

    // After a reboot: those that ran, and no others.
    site.provision("i-2", &plan).await;
    for listener in site.listeners() {
        kill(listener);
    }
    until("its end", || site.listeners().is_empty()).await;
    let mut start = Command::new("python3");
    start
        .args(site.arguments())
        .arg("--start")
        .stdin(Stdio::null());
    assert!(start.status().await.expect("it runs").success());
    assert_eq!(site.through("i-2").await, Ok(()));
    site.through("i-1").await.expect_err("it is suspended");
}

#[tokio::test]
async fn released_it_leaves_nothing_and_never_comes_back() {
    let site = Site::new().await;
    let plan = everywhere();
    site.provision("i-1", &plan).await;
    let inside = site.stay("i-1").await;
    let folder = site.instance_folder("i-1");
    assert!(folder.exists());
    let private = std::fs::metadata(folder.join("client_key"))
        .expect("a key")
        .permissions();
    assert_eq!(private.mode() & 0o777, 0o600);
    let release = ask("release", "op-2", "i-1", &plan);
    let running = site.running().len();
    assert!(running >= 2, "a listener and a session");
    site.done(&release).await;
    assert!(
        !inside
            .wait_with_output()
            .await
            .expect("it ends")
            .status
            .success()
    );
    let left = std::fs::read_dir(site.at("bastions/instances"))
        .expect("a folder")
        .count();
    assert_eq!(left, 0, "no folder");
    assert_eq!(
        std::fs::read_dir(site.at("bastions/ports"))
            .expect("a folder")
            .count(),
        0
    );
    until("the end of all", || site.running().is_empty()).await;
    let refused = site.through("i-1").await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");

    site.done(&release).await;
    site.done(&ask("release", "op-1", "i-never", &plan)).await;
    let late = site.ask(&ask("provision", "op-1", "i-1", &plan)).await;
    assert_eq!(late.status.code(), Some(65), "{late:?}");
    assert!(!folder.exists());
}
