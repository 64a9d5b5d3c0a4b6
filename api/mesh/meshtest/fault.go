package meshtest

import (
	"io"
	"net/http"
	"strconv"
)

// Action is what a fault does.
type Action int

// What can be broken.
const (
	Status     Action = iota // answer with status N and do nothing
	CutRequest               // drop the connection after N bytes of the request's body, and do nothing
	CutAnswer                // do what was asked, and drop the connection after N bytes of the answer's body; 0: without any answer
	HangAnswer               // do what was asked, and say nothing more after N bytes of the answer's body
	Hang                     // do nothing and answer nothing
	Garble                   // do what was asked and answer something that is none
	Duplicate                // send: deliver the message twice, under two ids. inbox: list each twice
	Redeliver                // acknowledge: answer that it is done, and leave the message where it was
)

// Fault breaks requests.
type Fault struct {
	Step  string // which requests: see [Request]; empty: all
	Chunk int    // of which chunk; 0: any
	Skip  int    // let so many pass first
	Times int    // how many to break; 0: one; -1: all
	Do    Action
	N     int64
	After int    // Status: seconds of Retry-After; 0: none
	Hung  func() // Hang, HangAnswer: called when nothing more will come; or nil
}

// Break adds a fault. Of several that fit, the first added acts.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// Mend takes all faults away.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault finds the fault for a request. s.mu is held.
func (s *Server) fault(step string, chunk int) *Fault {
	for _, f := range s.faults {
		if f.Step != "" && f.Step != step || f.Chunk != 0 && f.Chunk != chunk || f.Times == 0 {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		c := *f
		return &c
	}
	return nil
}

// serve handles a request, broken by f.
func (s *Server) serve(w http.ResponseWriter, a *asked, f *Fault, handle func(http.ResponseWriter, *asked)) {
	if f == nil {
		handle(w, a)
		return
	}
	a.fault = f
	switch f.Do {
	case Status:
		_, _ = io.Copy(io.Discard, a.Body) // so that the answer is read
		if f.After > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.After))
		}
		refuse(w, int(f.N), "", "broken on purpose")
	case CutRequest:
		_, _ = io.CopyN(io.Discard, a.Body, f.N)
		panic(http.ErrAbortHandler)
	case Hang:
		_, _ = io.Copy(io.Discard, a.Body)
		s.hang(a)
	case CutAnswer, HangAnswer:
		b := &broken{ResponseWriter: w, left: f.N, end: func() { panic(http.ErrAbortHandler) }}
		if f.Do == HangAnswer {
			b.end = func() { s.hang(a) }
		}
		handle(b, a)
		b.finish()
	case Garble:
		handle(&nowhere{}, a)
		_, _ = io.WriteString(w, `{"messages":[{"`)
	default:
		handle(w, a)
	}
}

// hang says nothing until the client or the server is gone.
func (s *Server) hang(a *asked) {
	if a.fault.Hung != nil {
		a.fault.Hung()
	}
	select {
	case <-a.Context().Done():
	case <-s.done:
	}
	panic(http.ErrAbortHandler)
}

// broken passes on so many bytes and then ends the answer.
type broken struct {
	http.ResponseWriter
	left int64
	end  func()
}

func (b *broken) Write(p []byte) (int, error) {
	if int64(len(p)) < b.left {
		b.left -= int64(len(p))
		return b.ResponseWriter.Write(p)
	}
	if b.left > 0 {
		_, _ = b.ResponseWriter.Write(p[:b.left])
	}
	b.finish()
	return 0, http.ErrAbortHandler
}

func (b *broken) finish() {
	if b.left > 0 {
		_ = http.NewResponseController(b.ResponseWriter).Flush()
	}
	b.end()
}

// Unwrap is for [http.ResponseController].
func (b *broken) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// nowhere is an answer that nobody sees.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header {
	if n.h == nil {
		n.h = http.Header{}
	}
	return n.h
}
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}
