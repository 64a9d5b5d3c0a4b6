package ledger

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The package must decide the same on every machine for ever: it may import
// nothing that reads a clock, randomness, the environment, a disk or a network,
// and of package time it may not ask what time it is or where the machine is.
func TestThePackageIsPure(t *testing.T) {
	allowed := map[string]bool{
		"bytes": true, "unicode/utf8": true, "crypto/aes": true, "crypto/cipher": true, "crypto/hmac": true, "crypto/sha256": true,
		"encoding/base64": true, "encoding/binary": true, "encoding/hex": true, "errors": true, "fmt": true, "hash": true, "io": true,
		"slices": true, "sort": true, "strconv": true, "strings": true, "sync": true, "time": true,
		"github.com/fxamacker/cbor/v2": true, "golang.org/x/mod/sumdb/note": true, "golang.org/x/mod/sumdb/tlog": true,
	}
	forbidden := map[string]bool{"time.Now": true, "time.Since": true, "time.Until": true, "time.Local": true, "time.LoadLocation": true,
		"time.Sleep": true, "time.After": true, "time.NewTimer": true, "time.NewTicker": true, "time.Tick": true, "time.AfterFunc": true}
	// The keyring is the edge's: it caches unwrapped keys behind a lock, and a
	// reader of randomness is handed to it.
	onlyIn := map[string]string{"sync": "keyring.go", "io": "keyring.go", "hash": "keyring.go", "crypto/aes": "keyring.go", "crypto/cipher": "keyring.go", "crypto/hmac": "keyring.go"}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		read++
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		require.NoError(t, err)
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			require.True(t, allowed[path], "%s imports %s", name, path)
			require.Nil(t, i.Name, "%s renames %s", name, path)
			if only, ok := onlyIn[path]; ok {
				require.Equal(t, only, name, "only the keyring imports %s", path)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok {
				require.False(t, forbidden[x.Name+"."+s.Sel.Name], "%s calls %s.%s", name, x.Name, s.Sel.Name)
			}
			return true
		})
		ast.Inspect(f, func(n ast.Node) bool {
			_, spawns := n.(*ast.GoStmt)
			require.False(t, spawns, "%s starts a goroutine", name)
			return true
		})
	}
	require.Greater(t, read, 20)
}
