//! The drivers without a world of their own: `pool` and `manual`.

use turnkey_core::ports::{Driver as _, Verdict};
use turnkey_core::{Access, OperationKind};
use turnkey_drivers::{ManualDriver, PoolDriver};

use crate::work;

#[tokio::test]
async fn a_pool_hands_out_what_it_was_given_twice_if_need_be() {
    let pool = PoolDriver;
    let immediate = pool.immediate().expect("it is immediate");
    assert!(immediate.takes_stock());
    let mut provision = work(OperationKind::Provision);
    assert_eq!(immediate.answer(&provision), Verdict::NotYet(None));
    assert_eq!(pool.drive(provision.clone()).await, Verdict::NotYet(None));
    let mut item = Access::default();
    item.extra
        .insert("licence".to_owned(), "AAAA-BBBB".to_owned());
    provision.stock = Some(item.clone());
    for _ in 0..2 {
        assert_eq!(
            immediate.answer(&provision),
            Verdict::Done(Some(item.clone()))
        );
    }
    for kind in OperationKind::ALL {
        if kind != OperationKind::Provision {
            assert_eq!(immediate.answer(&work(kind)), Verdict::Done(None));
            assert_eq!(pool.drive(work(kind)).await, Verdict::Done(None));
        }
    }
}

#[tokio::test]
async fn a_person_is_waited_for_except_for_a_renewal() {
    let manual = ManualDriver;
    assert!(manual.immediate().is_none());
    for kind in OperationKind::ALL {
        for _ in 0..2 {
            let verdict = manual.drive(work(kind)).await;
            match kind {
                OperationKind::Renew => assert_eq!(verdict, Verdict::Done(None)),
                OperationKind::Provision
                | OperationKind::ChangePlan
                | OperationKind::Suspend
                | OperationKind::Resume
                | OperationKind::Release => {
                    assert!(matches!(verdict, Verdict::NotYet(Some(_))), "{verdict:?}");
                }
            }
        }
    }
}
