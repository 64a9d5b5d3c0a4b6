// Package projection folds entries into views, and answers from them.
//
// Views are rows in the ledger's own store, written in the batch of the
// entries they follow from; they may be rebuilt from the entries at any time
// and are then the same, byte for byte. They hold dates, never statuses, and
// nothing of a person but references and keyed tags: no key is needed to fold.
//
// [Step] decides one command and makes it true in a transaction. [Assembler]
// reads what a committed result may show, still sealed.
package projection
