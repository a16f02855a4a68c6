//! From rows to messages.
