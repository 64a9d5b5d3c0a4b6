package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// send is one file on its way to the service.
type send struct {
	a        *app
	of       serviceFlags
	service  *service
	path     string
	family   family
	sequence int64
	snapshot bool
	dryRun   bool
	out      string
	patience time.Duration
}

func (a *app) cpisSendCommand() *cobra.Command {
	s := &send{a: a}
	cmd := &cobra.Command{
		Use: "send FILE", Short: "Send an upload to a running service, and show what became of it",
		Long: "Send an upload to a running service, message 01, CSV or JSON as FILE's first character tells, and show what\n" +
			"became of it: counts, and each row that was rejected or matches nobody, with its code (docs/UPLOADS.md).\n\n" +
			"An answer that does not come, or says later (503), is asked for again until --patience ends. That is safe, then\n" +
			"and on another day: the same file under the same number goes on where it stopped, and records nothing twice.\n\n" +
			"The token is read from --token-file or from $" + tokenVariable + ", never from a flag. The table shows names, NHS numbers and\n" +
			"birth dates of the rows it lists, out of FILE; the acknowledgement that --out keeps has what the service sent.\n\n" +
			"Exit codes: 0 every row was accepted; 3 FILE cannot be read, or rows of it were rejected; 4 a full file was\n" +
			"loaded and what it would end waits for a second person, or the command was interrupted; 2 usage, or the number\n" +
			"was used; 5 no server, or none that answers in time; 6 not permitted.",
		Args: exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.path = args[0]
			return s.run(cmd.Flags().Changed("sequence"))
		},
	}
	s.of.add(cmd)
	f := cmd.Flags()
	f.Int64Var(&s.sequence, "sequence", 0, "CSV and JSON: the file's number (the next after the last that the service has); message 01 has its own")
	f.BoolVar(&s.snapshot, "snapshot", false, "the file names every plan in force: what it does not name ends")
	f.BoolVar(&s.dryRun, "dry-run", false, "say what each row would do, and change nothing")
	f.StringVar(&s.out, "out", "", "file to write the acknowledgement to, as it was sent: message 02, CSV or JSON")
	f.DurationVar(&s.patience, "patience", 10*time.Minute, "how long to go on asking for an answer")
	return cmd
}

func (s *send) run(numbered bool) error {
	if numbered && s.sequence < 1 {
		return failf(ExitUsage, "--sequence is a whole number from 1")
	}
	var err error
	if s.service, err = s.of.open(); err != nil {
		return err
	}
	about, err := os.Stat(s.path)
	if err == nil && !about.Mode().IsRegular() {
		err = errors.New("FILE is not a file: it is read again when it is sent again")
	}
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	in, err := openRows(s.path)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	in.close()
	if s.family = in.family; s.family == familyXML {
		own := in.xml.Header().Sequence
		if numbered && s.sequence != own {
			return failf(ExitUsage, "message 01 holds its own number, %d: leave --sequence out", own)
		}
		s.sequence = own
	}
	keep, err := s.keeper()
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	defer keep.drop()
	if s.sequence == 0 && !s.dryRun {
		if err := s.a.persist(s.patience, s.number); err != nil {
			return err
		}
	}
	var ack *acknowledgement
	err = s.a.persist(s.patience, func(ctx context.Context, key string) (err error) {
		ack, err = s.post(ctx, key, keep)
		return err
	})
	if ack != nil {
		if err := keep.keep(); err != nil {
			return failing(ExitUnreadable, err)
		}
	}
	if err != nil {
		return s.advise(err)
	}
	return s.report(ack)
}

// number finds the next number. A file that was left unfinished must be asked
// about: only its sender knows whether this is it.
func (s *send) number(ctx context.Context, _ string) error {
	b, err := s.service.get(ctx, "/v1/uploads")
	if err != nil {
		return repeatable(err)
	}
	var list struct {
		Authorities []struct {
			Last    int64 `json:"lastSequence"`
			Uploads []struct{ State string }
		}
	}
	if json.Unmarshal(b, &list) != nil {
		return failf(ExitNoServer, "the service's list of uploads does not read")
	}
	if len(list.Authorities) != 1 {
		return failf(ExitNotPermitted, "the token is not one authority's: give --sequence, or another token")
	}
	of := list.Authorities[0]
	if len(of.Uploads) > 0 && of.Uploads[0].State == "open" {
		return failf(ExitUsage, "file %d was left unfinished: to go on with it, send the same file with --sequence %d; to give it up, this one with --sequence %d",
			of.Last, of.Last, of.Last+1)
	}
	s.sequence = of.Last + 1
	return nil
}

// post sends the file once.
func (s *send) post(ctx context.Context, key string, keep *keeper) (*acknowledgement, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	defer func() { _ = f.Close() }() // only read
	about, err := f.Stat()
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	// One byte more than there is: the bar ends with the answer.
	bar := s.a.progress(about.Size()+1, "sending", progressbar.OptionShowBytes(true), progressbar.OptionThrottle(0))
	defer bar.done()
	var body io.Reader = &shownReader{from: f, bar: bar, size: about.Size()}
	if about.Size() == 0 {
		body = http.NoBody
	}
	media := s.family.media()
	header := http.Header{"Content-Type": {media}, "Accept": {media}, "Idempotency-Key": {key}}
	res, err := s.service.do(ctx, http.MethodPost, "/v1/uploads"+s.query(), header, io.NopCloser(body), about.Size())
	if err != nil {
		return nil, repeatable(err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	answered, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if answered != media || s.family != familyXML && res.StatusCode != http.StatusOK {
		return nil, repeatable(s.unread(refused(res)))
	}
	to, err := keep.start()
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	ack, err := readAcknowledgement(s.family, res.Header, io.TeeReader(res.Body, to))
	if err != nil {
		return nil, repeatable(failing(ExitNoServer, err))
	}
	return ack, s.message02(res, ack)
}

// query is what the query says of the file; message 01 says the number itself.
func (s *send) query() string {
	var q []string
	if s.sequence > 0 && s.family != familyXML && !s.dryRun {
		q = append(q, "sequence="+strconv.FormatInt(s.sequence, 10))
	}
	if s.snapshot {
		q = append(q, "snapshot=true")
	}
	if s.dryRun {
		q = append(q, "dry-run=true")
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + strings.Join(q, "&")
}

// unread gives a refusal of the file itself the code of a file that cannot be read.
func (s *send) unread(err error) error {
	var r *refusal
	if errors.As(err, &r) && r.code != "query-parameter" &&
		slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, r.status) {
		return failing(ExitUnreadable, r)
	}
	return err
}

// message02 is the refusal in a message 02 that says no to the whole file: CP-IS
// has no other form for it.
func (s *send) message02(res *http.Response, ack *acknowledgement) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	r := &refusal{status: res.StatusCode, after: retryAfter(res)}
	for _, c := range ack.codes {
		r.code, r.title = string(c), c.Name()
	}
	for _, row := range ack.rows {
		r.detail = row.Message + ", at " + row.Place
	}
	return repeatable(s.unread(failing(exitOf(res.StatusCode), r)))
}

// advise says under which number a file goes on that was not acknowledged.
func (s *send) advise(err error) error {
	var f *failure
	var more *again
	code := ExitNoServer
	if errors.As(err, &f) {
		code = f.code
	}
	if s.dryRun || !errors.As(err, &more) && code != ExitIncomplete {
		return err
	}
	what := "the same file again, it holds its number"
	if s.family != familyXML {
		what = fmt.Sprintf("the same file again with --sequence %d", s.sequence)
	}
	return failf(code, "%w: it is not known how much of the file was recorded. Send %s: nothing is recorded twice", err, what)
}

// shownReader moves a bar.
type shownReader struct {
	from       io.Reader
	bar        *progress
	read, size int64
}

func (r *shownReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.read += int64(n)
	r.bar.set(r.read)
	if r.read >= r.size {
		r.bar.describe("sent; the service is recording it")
	}
	return n, err
}
