package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// waitReady waits until every node says that records can be committed.
func (d *demo) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, c := range d.configs {
		for {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.PublicURL+"/readyz", nil)
			if err != nil {
				return err
			}
			if answer, err := http.DefaultClient.Do(r); err == nil {
				_ = answer.Body.Close() // the status is all
				if answer.StatusCode == http.StatusOK {
					break
				}
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("node %s does not become ready; see %s", c.Node, d.path(c.Node+".log"))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// leader returns the public address of the node that leads, asked of the nodes.
func (d *demo) leader() string {
	for _, c := range d.configs {
		answer, err := http.Get("http://" + c.Admin + "/statusz")
		if err != nil {
			continue
		}
		var s struct {
			Leader string `json:"leader"`
		}
		err = json.NewDecoder(answer.Body).Decode(&s)
		_ = answer.Body.Close() // read or not, it is done with
		if err == nil && s.Leader != "" {
			return s.Leader
		}
	}
	return d.configs[0].PublicURL
}

// ready writes the environment file and says what there is to try.
func (d *demo) ready(ctx context.Context, pids []int) error {
	tokens, err := newTokenMaker(d.dir)
	if err != nil {
		return err
	}
	leader := d.leader()
	last, err := d.lastUpload(ctx, leader, tokens, d.state.Known["LA_ODS"])
	if err == nil && d.mailbox != "" {
		err = d.waitFile(ctx, leader, tokens)
	}
	if err != nil {
		return err
	}
	admin := ""
	var urls, data, ids []string
	for i, c := range d.configs {
		urls, data, ids = append(urls, c.PublicURL), append(data, c.Data), append(ids, strconv.Itoa(pids[i]))
		if c.PublicURL == leader {
			admin = "http://" + c.Admin
		}
	}
	env := [][2]string{{"CUSTOS_URL", leader}, {"CUSTOS_URLS", strings.Join(urls, ",")}, {"CUSTOS_ADMIN_URL", admin},
		{"CUSTOS_DATA", strings.Join(data, ",")}, {"CUSTOS_PIDS", strings.Join(ids, ",")}, {"CUSTOS_KEYS", d.path("keys")},
		{"CUSTOS_VKEY", d.state.Verifier}, {"LA_NEXT_SEQ", strconv.FormatInt(last.Sequence+1, 10)}}
	for _, name := range []string{"LA_ODS", "NHS_CPP", "NHS_LAC", "NHS_UCPP", "NHS_ENDED", "NHS_EXPIRED", "NHS_NONE", "SCHOOL_URN", "AREA_CODE"} {
		env = append(env, [2]string{name, d.state.Known[name]})
	}
	for i := range d.state.People {
		p := &d.state.People[i]
		token, err := tokens.issue(p, time.Now())
		if err != nil {
			return err
		}
		env = append(env, [2]string{p.Env, token})
	}
	if d.mailbox != "" {
		env = append(env, [2]string{"MESH_URL", d.mailbox}, [2]string{"NHS_MESH", demoMESHChild})
	}
	if err := d.benchFiles(tokens); err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range env {
		fmt.Fprintf(&lines, "%s=%s\n", e[0], shellWord(e[1]))
	}
	d.welcome(leader, admin)
	temp := d.path("env.new")
	if err := os.WriteFile(temp, []byte(lines.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, d.path("env"))
}

// shellWord quotes a value only where a shell needs it, so that other readers
// of the file find it as it is.
func shellWord(s string) string {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-./:,+=@%", c)) {
			return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
	}
	return s
}

func (d *demo) welcome(leader, admin string) {
	d.say("\nCustos demo  -  SYNTHETIC DATA ONLY. Loopback only. Data in %s (make demo-clean removes it).\n", d.shown)
	d.say("  Page      %s/   sign in as one of the people below; no password", leader)
	d.say("  Sign-in   %s/cis2/sessions  a development identity provider", d.providerURL())
	d.say("  API       %s/docs", leader)
	if d.mailbox != "" {
		d.say("  MESH      %s/  what %s sends and gets; a development mailbox", d.mailbox, d.state.MESH.Name)
	}
	d.say("  Admin     %s/statusz  /metrics", admin)
	if len(d.configs) > 1 {
		for _, c := range d.configs {
			d.say("  Node      %s  %s", c.Node, c.PublicURL)
		}
	}
	d.say("\n  Seeded    %s\n", d.state.Seeded)
	for i := range d.state.People {
		p := &d.state.People[i]
		d.say("  %-18s %-24s %s, %s", "$"+p.Env, p.Name, p.RoleName, p.OrganisationName)
	}
	d.say("\n  Try       . %s/env", d.shown)
	d.say(`            curl -s -H "Authorization: Bearer $T_CLINICIAN" -H 'Content-Type: application/json' \`)
	d.say(`              -d "{\"nhsNumber\":\"$NHS_CPP\"}" $CUSTOS_URL/v1/lookups`)
	d.say("  Then      see the social worker's notification, the nurse's caseload and the IG officer's trail on the page")
	d.say("  Audit it  Ctrl-C, then bin/custos-tools verify --data %s/n1 --keys %s/keys\n", d.shown, d.shown)
}
