package main

import (
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"custos/api/openapi/openapitest"
)

// The nodes of these tests are whole processes' worth: what they answer to a
// plain client is held to the description of the interface, as in package api.
func TestMain(m *testing.M) {
	text, err := os.ReadFile(root + "/api/openapi.yaml")
	if err != nil {
		panic(err)
	}
	d, err := openapitest.Load(text)
	if err != nil {
		panic(err)
	}
	var wrong strays
	http.DefaultClient.Transport = d.Transport(&wrong, http.DefaultTransport)
	code := m.Run()
	if wrong.n.Load() > 0 {
		code = 1
	}
	os.Exit(code)
}

// strays counts answers that are not as described, and says each. They may come
// when the test that asked has ended.
type strays struct{ n atomic.Int64 }

// Errorf implements [openapitest.Reporter].
func (s *strays) Errorf(format string, args ...any) {
	s.n.Add(1)
	fmt.Printf(format+"\n", args...)
}
