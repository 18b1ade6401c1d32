//! Turns paid cloud-marketplace orders into running instances, exactly one each.
