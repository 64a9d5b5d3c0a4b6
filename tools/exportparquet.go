package tools

import (
	"io"

	"github.com/parquet-go/parquet-go"

	"custos/ledger"
	"custos/projection"
)

// parquetRow is a line of a trail as a table of typed columns, with the names that
// the columns of CSV have. What a line has not is null, and so is what is redacted.
type parquetRow struct {
	Seq          int64    `parquet:"seq"`
	At           int64    `parquet:"at,timestamp(microsecond)"`
	Kind         string   `parquet:"kind,dict"`
	Outcome      string   `parquet:"outcome,optional,dict"`
	Code         string   `parquet:"code,optional,dict"`
	Unscheduled  bool     `parquet:"unscheduled"`
	InError      bool     `parquet:"in_error"`
	Role         string   `parquet:"role,optional,dict"`
	Organisation string   `parquet:"organisation,optional,dict"`
	Issuer       string   `parquet:"issuer,optional,dict"`
	Subject      string   `parquet:"subject,optional,dict"`
	Person       string   `parquet:"person,optional"`
	Told         []string `parquet:"told,list"`
	Authority    string   `parquet:"authority,optional,dict"`
	Of           int64    `parquet:"of,optional"` // an entry; null: none, for 0 is nobody's subject
	Place        string   `parquet:"place,optional,dict"`
}

// parquetGroup is how many rows a row group has: what is in memory, whatever the
// ledger's size, but for some hundred bytes a group in the footer.
const parquetGroup = 1 << 16

// exportParquet writes every entry as a trail lists it, for programs that read
// columns. The same ledger gives the same bytes. Nothing is disarmed, as it is for
// spreadsheets: a column has one type, and no cell is a formula.
func exportParquet(to io.Writer, f *folder, hide hiding) (each func(*ledger.Entry) error, end func() error) {
	w := parquet.NewGenericWriter[parquetRow](to, parquet.MaxRowsPerRowGroup(parquetGroup), parquet.Compression(&parquet.Snappy),
		parquet.CreatedBy("custos-tools", "1", "0")) // not of this build: two programs of one version write the same
	view := projection.View{R: f.db}
	rows := make([]parquetRow, 1)
	return func(e *ledger.Entry) error {
		row, err := view.TrailRow(e.Seq)
		if err != nil {
			return err
		}
		l := lineOf(&row, e)
		rows[0] = parquetRow{Seq: int64(l.Seq), At: row.At.Std().UnixMicro(), Kind: l.Kind, Outcome: l.Outcome, Code: l.Code,
			Unscheduled: l.Unscheduled, InError: l.InError, Role: l.Role, Organisation: l.Organisation,
			Issuer: hide("issuer", l.Issuer), Subject: hide("subject of "+l.Issuer, l.Subject), Person: hide("person", l.Person),
			Told: l.Told, Authority: l.Authority, Of: int64(l.Of), Place: l.Place}
		_, err = w.Write(rows)
		return err
	}, w.Close
}
