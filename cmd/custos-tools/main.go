// Command custos-tools verifies, replays and measures a Custos ledger. It needs
// no server and no secret key to tell whether a copy of a ledger is intact.
package main

import (
	"os"

	"custos/tools"
)

func main() { os.Exit(tools.Main(os.Args[1:], os.Stdout, os.Stderr)) }
