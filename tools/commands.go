package tools

import "github.com/spf13/cobra"

// commands lists every command, in the order of help.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.verifyCommand(),
		a.replayCommand(),
		a.trailCommand(),
		a.proveCommand(),
		a.checkReceiptCommand(),
		a.checkTrailCommand(),
		a.consistencyCommand(),
		a.diffCommand(),
		a.policyCommand(),
		a.notifyCommand(),
		a.reportCommand(),
		a.subjectCopyCommand(),
		a.exportCommand(),
		a.statsCommand(),
		a.sitesCommand(),
		a.cpisCommand(),
		a.registerCommand(),
		a.genCommand(),
		a.benchCommand(),
		a.doctorCommand(),
	}
}
