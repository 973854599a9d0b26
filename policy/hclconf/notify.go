package hclconf

// settleNotices complains about channels of a workspace that nobody has named.
func (d *decoder) settleNotices() {
	told := [][]Notice{}
	if a := d.cfg.Gateway.Alerts; a != nil {
		told = append(told, a.Notify)
	}
	for _, a := range d.cfg.Approvers {
		told = append(told, a.Notify)
	}
	for _, list := range told {
		for _, n := range list {
			if n.Slack != "" && d.cfg.Gateway.Slack == nil {
				d.Fail(n.Range, "No workspace", "Nothing says how Slack is reached; write gateway { slack { app_token = secret.NAME, bot_token = secret.NAME } }, a line each.")
			}
		}
	}
}
