//! Provisions by running a program: JSON on stdin, JSON on stdout (design §7).
//!
//! | exit | means |
//! | --- | --- |
//! | 0 | done |
//! | 75 (`EX_TEMPFAIL`) | not yet, run again |
//! | 65 (`EX_DATAERR`) | a final no, with `message` from stdout |
//! | anything else, signals and the time limit included | retry, then dead |
//!
//! A program that outlives the server would meet its successor. So every program inherits an open,
//! locked file named by its operation, into which it writes its process group before it begins;
//! who cannot take the lock ends that group first.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use turnkey_core::limits::cut;
use turnkey_core::ports::{Boxed, Driver, Immediate, Verdict, Work};
use turnkey_core::{Access, OperationId, OperationKind};

use crate::redact::redact;
use crate::spoken::{Answered, Ask};

/// Most that a program may say: an access is short, and a program that writes more is not ours.
const STDOUT_BYTES_MAX: usize = 64 * 1024;

/// Most that is kept of what a program complains; the rest is read and dropped.
const STDERR_BYTES_MAX: usize = 16 * 1024;

/// How long the old group may take to die once it is told to, and output to end once it has.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// Where programs find other programs: the environment is clean, and this is all of it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Notes the process group in the lock file, then becomes the program.
const NOTE_GROUP_AND_EXEC: &str = r#"echo $$ >&3; exec "$@""#;

/// The descriptor under which a program inherits its lock.
const LOCK_FD: i32 = 3;

/// How a program is run.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where it runs.
    pub working_directory: PathBuf,
    /// Where the lock files of operations lie; made when missing.
    pub lock_directory: PathBuf,
    /// How long one run may take.
    pub time_limit: Duration,
    /// What each plan tells the program, by the plan's name.
    pub params: BTreeMap<String, serde_json::Value>,
}

/// Provisions by running a program.
pub struct CommandDriver(CommandSettings);

/// What a run came to.
struct Ran {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl CommandDriver {
    /// A driver that runs the program of `settings`.
    #[must_use]
    pub fn new(settings: CommandSettings) -> Self {
        Self(settings)
    }

    async fn ask(&self, work: &Work) -> Result<Verdict, String> {
        let params = self.0.params.get(&work.plan).cloned();
        let params = params.ok_or_else(|| format!("plan {:?} is not configured", work.plan))?;
        let mut question = serde_json::to_vec(&Ask::new(work, params))
            .map_err(|error| format!("cannot put the question: {error}"))?;
        question.push(b'\n');
        let lock = self.lock(&work.operation).await?;
        let group = self.start(lock, question)?;
        let ran = tokio::time::timeout(self.0.time_limit, group.run())
            .await
            .map_err(|_| format!("took longer than its limit of {:?}", self.0.time_limit))??;
        Ok(verdict(work, &ran))
    }

    /// Takes the lock of `operation`, after ending whatever an earlier life left running.
    async fn lock(&self, operation: &OperationId) -> Result<File, String> {
        std::fs::create_dir_all(&self.0.lock_directory)
            .map_err(|error| format!("cannot make {:?}: {error}", self.0.lock_directory))?;
        let path = self.0.lock_directory.join(format!("{operation}.lock"));
        let cannot = |error: std::io::Error| format!("cannot lock {}: {error}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(cannot)?;
        let until = tokio::time::Instant::now() + LAST_BREATH;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if tokio::time::Instant::now() < until => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(format!(
                        "a program of an earlier run still holds {} and left its process group",
                        path.display(),
                    ));
                }
                Err(error) => return Err(cannot(error.into())),
            }
            let mut group = String::new();
            file.rewind()
                .and_then(|()| file.read_to_string(&mut group))
                .map_err(cannot)?;
            if let Some(group) = group.trim().parse().ok().and_then(Pid::from_raw) {
                end(group);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .map_err(cannot)?;
        Ok(file)
    }

    /// Starts the program as the leader of a process group of its own, holding `lock`, with
    /// `question` on its stdin.
    fn start(&self, lock: File, question: Vec<u8>) -> Result<Group, String> {
        let stdin = asked(question).map_err(|error| format!("cannot make a pipe: {error}"))?;
        let mut command = std::process::Command::new("/bin/sh");
        command
            .args(["-c", NOTE_GROUP_AND_EXEC, "sh"])
            .args(&self.0.argv)
            .current_dir(&self.0.working_directory)
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
            .fd_mappings(vec![FdMapping {
                parent_fd: OwnedFd::from(lock),
                child_fd: LOCK_FD,
            }])
            .map_err(|error| format!("cannot hand the lock on: {error}"))?;
        let mut command = Command::from(command);
        let child = command.kill_on_drop(true).spawn().map_err(|error| {
            format!(
                "cannot run {:?} in {}: {error}",
                self.0.argv,
                self.0.working_directory.display()
            )
        })?;
        let raw = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = raw
            .and_then(Pid::from_raw)
            .ok_or("the program ended before it began")?;
        Ok(Group { child, leader })
    }
}

impl Driver for CommandDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(async move { self.ask(&work).await.unwrap_or_else(Verdict::Retry) })
    }
}

/// A running program with whatever it started; ended as a whole when dropped.
struct Group {
    child: Child,
    leader: Pid,
}

impl Group {
    async fn run(mut self) -> Result<Ran, String> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let said = tokio::spawn(async move { read(stdout, STDOUT_BYTES_MAX).await });
        let complained = tokio::spawn(async move { read(stderr, STDERR_BYTES_MAX).await });
        let status = self.child.wait().await;
        let status = status.map_err(|error| format!("cannot wait for the program: {error}"))?;
        // Whatever it left running must not keep its output open.
        end(self.leader);
        let (stdout, is_whole) = finish(said).await;
        let (stderr, _) = finish(complained).await;
        if !is_whole {
            return Err(format!("said more than {STDOUT_BYTES_MAX} bytes on stdout"));
        }
        Ok(Ran {
            status,
            stdout,
            stderr,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(self.leader);
    }
}

/// A pipe that holds `question`. What fits is in it before the program begins, so that a program
/// whose server dies does not take half a question for a whole one.
fn asked(mut question: Vec<u8>) -> std::io::Result<PipeReader> {
    /// What a pipe holds on every system.
    const PIPE_BYTES: usize = 16 * 1024;
    let rest = question.split_off(question.len().min(PIPE_BYTES));
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(&question)?;
    if !rest.is_empty() {
        // A program that does not listen may still know what to do.
        tokio::task::spawn_blocking(move || writer.write_all(&rest));
    }
    Ok(reader)
}

/// Ends a process group. That it is gone already is no failure.
fn end(group: Pid) {
    let _ = kill_process_group(group, Signal::KILL);
}

/// Everything that comes, up to `bytes_max`; the rest is dropped. Whether that was all.
async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> (Vec<u8>, bool) {
    let (mut kept, mut is_whole) = (Vec::new(), true);
    let Some(mut from) = from else {
        return (kept, is_whole);
    };
    let mut chunk = [0; 4096];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return (kept, is_whole),
            Ok(read) => {
                let fits = read.min(bytes_max - kept.len());
                kept.extend(chunk.iter().take(fits));
                is_whole &= fits == read;
            }
        }
    }
}

/// What a reader got; nothing, where something outside the group keeps the pipe open.
async fn finish(reader: tokio::task::JoinHandle<(Vec<u8>, bool)>) -> (Vec<u8>, bool) {
    match tokio::time::timeout(LAST_BREATH, reader).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) | Err(_) => (Vec::new(), false),
    }
}

fn verdict(work: &Work, ran: &Ran) -> Verdict {
    const DONE: i32 = 0;
    const NO: i32 = 65;
    const NOT_YET: i32 = 75;
    let answered = match ran.stdout.trim_ascii() {
        [] => Ok(Answered::default()),
        said => serde_json::from_slice::<Answered>(said),
    };
    match (ran.status.code(), answered) {
        (Some(DONE), Ok(answered)) => {
            let access = answered.access.map(Access::from);
            let is_provision = work.kind == OperationKind::Provision;
            Verdict::Done(access.or_else(|| is_provision.then(Access::default)))
        }
        (Some(DONE), Err(error)) => {
            // The error's own words would quote what may be a password.
            let (line, column) = (error.line(), error.column());
            let what = format!("exit 0, but stdout is not the JSON expected, at {line}:{column}");
            Verdict::Retry(note(&what, work, ran, None))
        }
        (Some(NO), answered) => {
            let message = answered.ok().and_then(|answered| answered.message);
            Verdict::No(message.unwrap_or_default())
        }
        (Some(NOT_YET), _) => Verdict::NotYet(None),
        (Some(_) | None, answered) => {
            let access = answered
                .ok()
                .and_then(|answered| answered.access)
                .map(Access::from);
            Verdict::Retry(note(&ran.status.to_string(), work, ran, access.as_ref()))
        }
    }
}

/// What went wrong, for the operator: never with a secret in it.
fn note(what: &str, work: &Work, ran: &Ran, access: Option<&Access>) -> String {
    let complained = String::from_utf8_lossy(&ran.stderr);
    let secrets = work.access.iter().chain(access).flat_map(Access::secrets);
    cut(&format!("{what}: {}", redact(complained.trim(), secrets)))
}
