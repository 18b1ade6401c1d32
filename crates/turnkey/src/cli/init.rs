//! `turnkey init`: writes a starter file and a program for it to run; overwrites nothing.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::{Exit, Lang, complain};
use crate::config::{STARTER, STARTER_PROGRAM};
use crate::words::start;

#[derive(clap::Args)]
pub(super) struct Init {
    /// Where to write the files.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

impl Init {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let files = [("turnkey.toml", STARTER), ("provision.sh", STARTER_PROGRAM)];
        if let Some((taken, _)) = files
            .iter()
            .find(|(name, _)| self.folder.join(name).exists())
        {
            let taken = self.folder.join(taken);
            complain(&match lang {
                Lang::En => format!("{} exists already; nothing was written", taken.display()),
                Lang::Zh => format!("{} 已经存在；没有写入任何文件", taken.display()),
            });
            return Ok(Exit::Refused);
        }
        std::fs::create_dir_all(&self.folder).with_context(|| start::cannot_write(&self.folder))?;
        for (name, text) in files {
            let path = self.folder.join(name);
            write_new(&path, text).with_context(|| start::cannot_write(&path))?;
            complain(&match lang {
                Lang::En => format!("wrote {}", path.display()),
                Lang::Zh => format!("已写入 {}", path.display()),
            });
        }
        complain(lang.pick(
            "next: put the listing's key into PROD_KEY, edit both files, then: turnkey config check",
            "下一步：把商品密钥放进环境变量 PROD_KEY，修改这两个文件，然后：turnkey config check",
        ));
        Ok(Exit::Good)
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?
        .write_all(text.as_bytes())
}
