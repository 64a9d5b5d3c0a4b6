package consensus

import "errors"

// What Propose may answer instead of an outcome. In every case nothing was disclosed.
var (
	// ErrUnknown says that the command may or may not have been recorded. Asking again with the same command
	// is safe and finds out.
	ErrUnknown = errors.New("outcome unknown: ask again with the same command")
	// ErrBusy says that too many commands wait already. Nothing was recorded.
	ErrBusy = errors.New("too many commands are waiting")
	// ErrNoLeader says that no leader could be reached. Nothing was recorded.
	ErrNoLeader = errors.New("no leader: a record cannot be committed now")
	// ErrReadOnly says that the leader must not propose: its clock is not its peers'. Nothing was recorded.
	ErrReadOnly = errors.New("the leader must not propose now")
	// ErrBehind says that the leader is read-only, for a witness has signed entries that its ledger does not hold, or
	// others. Nothing was recorded. Only a person can end it.
	ErrBehind = errors.New("restored behind witnessed history: nothing can be recorded")
	// ErrCommand says that what was forwarded is not a command. Nothing was recorded.
	ErrCommand = errors.New("not a command")
	// ErrClosed says that this node is stopping. Nothing was recorded by this call.
	ErrClosed = errors.New("the node is stopping")
)

// Why a node does not start, or ends its process.
var (
	// ErrLostData says that this node no longer has entries that it acknowledged: it must neither vote nor
	// answer, and has to be given the ledger anew.
	ErrLostData = errors.New("acknowledged entries are missing on this node")
	// ErrHole says that entries between the ledger and the log are missing: the node has to be given the
	// ledger anew.
	ErrHole = errors.New("the log begins after what the ledger holds")
	// ErrDiverged says that this node's ledger is not the majority's. Evidence is beside it.
	ErrDiverged = errors.New("this node's ledger is not the majority's")
)
