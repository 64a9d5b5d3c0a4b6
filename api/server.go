package api

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"custos/api/demographics"
	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// Node is all that the edge knows of the cluster. Its reads are of this node's
// own copy and hold no child data; whatever does goes through Propose.
type Node interface {
	// Propose returns when a majority has recorded what the command became, or
	// within ten seconds an error.
	Propose(ctx context.Context, c ledger.Command) (consensus.Outcome, error)
	// View is this node's state: rows without names, for references and lists.
	View() projection.View
	// DataKeys are the recorded wrapped keys of a holder.
	DataKeys(h ledger.Holder, id []byte) ([]ledger.WrappedKey, error)
	// Expect looks for several people at once, of whom most are new and have no key.
	Expect(people []ledger.PersonRef) error
	// Record is the exact bytes of an entry.
	Record(n ledger.Seq) ([]byte, error)
	// Tile is a tile of the tree: its hashes, 32 bytes each, nil beyond the end.
	Tile(level int, n int64) ([]byte, error)
	// Receipt proves an entry with the newest signed checkpoint that covers it.
	Receipt(n ledger.Seq) (ledger.Receipt, error)
	// TrailProof proves that the entries about a person are all there are.
	TrailProof(ctx context.Context, p ledger.PersonRef) (*projection.TrailProof, error)
	// Records walks exact records; the ledger is held meanwhile.
	Records(from, to ledger.Seq) iter.Seq2[[]byte, error]
	// Grown is closed when this node's ledger is another one than when it was asked.
	Grown() <-chan struct{}
	// Published is the newest signed checkpoint, with what cosignatures there are
	// for its size, or nil before the first.
	Published() []byte
	// CaughtUp says whether this node knows, since it started, what the leader knew then.
	CaughtUp() bool
	// Ready says whether a record can be committed now.
	Ready() bool
	// Status is what the operator sees.
	Status() consensus.Status
}

var _ Node = (*consensus.Node)(nil)

// Config is what the edge is made of.
type Config struct {
	Node          Node
	NodeID        string
	Keyring       *ledger.Keyring
	Tokens        *Verifier
	Issuer        string // the issuer whose subjects a trail by actor means when it names none
	Logger        *slog.Logger
	Now           func() time.Time      // nil: time.Now
	Most          int                   // commands under way at once; zero: 2,048
	Register      demographics.Register // asked about the people of uploads; nil: nobody is asked
	AcceptUnknown bool                  // a number that the register does not know is taken unchecked

	// FHIRWithoutCaution leaves the caution out of FHIR answers that found
	// nothing: they are then exactly as published.
	FHIRWithoutCaution bool
	PublicURL          string // where FHIR resources say that they are from; empty: http://localhost
	// TryLetter sends a trial of a way of letters and says in one word why it is
	// not known to have arrived; empty: it has. nil: this node has no way.
	TryLetter    func(ctx context.Context, authority string, way ledger.Way, entry ledger.Seq) (code string)
	Demo         http.Handler        // the demo's page and its people; nil in a real node
	TakingIn     func() (end func()) // called when a file begins to be taken in, and end when it no longer is; nil: nobody
	PeopleAnHour int                 // the most different people that somebody may look up at this node; zero: 1,000; negative: no end
	Machines     *MachineTokens      // gives programs their tokens; nil: none has one of ours
	SignIn       *SignIn             // how people sign in with a browser; nil: nobody does
}

// Server is the edge. Its handlers are [Server.Public] and [Server.Admin].
type Server struct {
	cfg        Config
	node       Node
	keys       *ledger.Keyring
	held       *dataKeys
	actors     *actorCache
	names      *nameCache
	stats      *statistics
	slots      *inFlight
	uploads    *inFlight
	streams    *streams
	cover      coverageCache
	orgs       organisations
	visits     visitCache
	searched   ledger.Seq // entries that an officer's search may look through if it names nobody
	fhirVisits visitCache // the same, in FHIR's form
	alarms     caseloadAlarms
	waiting    unopenedCount
	public     *edge
	match      matcher   // asks the register of demographics; nil: there is none, and rows are not asked about
	guests     *inFlight // whoever is not known yet
	trawl      *trawl
	signIn     *signInState // nil: nobody signs in with a browser
}

// New makes the edge.
func New(cfg Config) (*Server, error) {
	if cfg.Node == nil || cfg.Keyring == nil || cfg.Tokens == nil || cfg.NodeID == "" {
		return nil, errors.New("the edge needs a node, its name, a keyring and a token verifier")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.TakingIn == nil {
		cfg.TakingIn = func() func() { return func() {} }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://localhost"
	}
	if cfg.Most == 0 {
		cfg.Most = 2048
	}
	s := &Server{cfg: cfg, node: cfg.Node, keys: cfg.Keyring, held: newDataKeys(), actors: newActorCache(), names: newNameCache(),
		stats: newStatistics(), slots: newInFlight(cfg.Most), uploads: newInFlight(8), guests: newInFlight(256), trawl: newTrawl(cfg.PeopleAnHour), searched: entriesSearched}
	s.streams = newStreams(cfg.Node)
	if cfg.Register != nil {
		s.match = s.registerMatcher(cfg.Register, cfg.AcceptUnknown)
	}
	s.watchUploads()
	s.watchWorklists()
	s.watchWitnesses()
	s.watchReviews()
	s.watchCaseloads()
	s.watchUnopened()
	s.watchUnassigned()
	s.watchDirectory()
	if cfg.Machines != nil {
		cfg.Machines.audience = cfg.Tokens.audience
	}
	if cfg.SignIn != nil {
		var err error
		if s.signIn, err = s.newSignIn(*cfg.SignIn); err != nil {
			return nil, err
		}
	}
	s.public = newEdge(cfg.Logger)
	s.routes()
	return s, nil
}

// Public is the handler of the public listener.
func (s *Server) Public() http.Handler { return s.public }

// PublicServer is an HTTP server for the public listener, with every limit set.
func (s *Server) PublicServer(addr string) *http.Server {
	return newServer(addr, s.public, s.cfg.Logger)
}

// AdminServer is an HTTP server for the admin listener, which must be on
// loopback or behind mutual TLS.
func (s *Server) AdminServer(addr string) *http.Server {
	srv := newServer(addr, s.Admin(), s.cfg.Logger)
	srv.WriteTimeout = 2 * time.Minute // a profile takes as long as is asked
	return srv
}
