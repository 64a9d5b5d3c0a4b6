package mesh_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"custos/api/mesh"
	"custos/api/mesh/meshtest"
)

// An authority sends, and the service handles and acknowledges.
func Example() {
	server, err := meshtest.Start(meshtest.Options{SharedKey: "key"})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	dir, err := os.MkdirTemp("", "mesh-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	secret := func(name, value string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			panic(err)
		}
		return path
	}
	client := func(mailbox string) *mesh.Client {
		server.AddMailbox(mailbox, "password of "+mailbox)
		c, err := mesh.New(mesh.Config{URL: server.URL(), Mailbox: mailbox, PasswordFile: secret(mailbox, "password of "+mailbox), SharedKeyFile: secret("key", "key")})
		if err != nil {
			panic(err)
		}
		return c
	}
	authority, service := client("AUTHORITY1"), client("CPIS1")
	ctx := context.Background()

	file := strings.NewReader("<File/>")
	_, err = authority.Send(ctx, mesh.Outgoing{To: "CPIS1", Workflow: "UPLOAD", LocalID: "upload-17", Body: file, Size: file.Size()})
	fmt.Println("sent:", err)

	pass, err := service.Drain(ctx, func(_ context.Context, m *mesh.Message) error {
		b, err := io.ReadAll(m.Body)
		fmt.Println(m.From, m.Workflow, string(b))
		return err
	})
	fmt.Println("handled:", pass.Handled, err)

	became, err := authority.Find(ctx, "upload-17")
	fmt.Println(became.State, err)
	// Output:
	// sent: <nil>
	// AUTHORITY1 UPLOAD <File/>
	// handled: 1 <nil>
	// acknowledged <nil>
}
