package api

import (
	"net/http"

	"github.com/gorilla/mux"
)

// pathVar returns a variable of the route's template.
func pathVar(r *http.Request, name string) string { return mux.Vars(r)[name] }
