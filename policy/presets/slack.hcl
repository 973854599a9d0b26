# Slack's Web API. Slack takes every method by GET as well as by POST, so it is the
# name of the method that tells what it does, and a name that is not known here is
# asked. Incoming webhooks carry their secret in the path; they are not of this
# service.
service "slack" {
  description = "Slack's Web API"
  protocol    = "http"
  hosts       = ["slack.com", "www.slack.com", "files.slack.com"]
  auth        = bearer(secret.slack)
  env         = ["SLACK_BOT_TOKEN"]
  posture     = "guarded"

  # By any method of HTTP
  operation "read" {
    match = "* /api/*"
    when = (
      matches(http.path, "[.](all|conversations|files|get|getPermalink|getPresence|history|identity|info|list|lookup|lookupByEmail|members|messages|replies|test)$") &&
      !matches(http.path, "^/api/(admin|apps|oauth|openid|tooling|rtm|auth[.]teams)[.]")
    )
    effect = "read"
  }
  # What else is asked for by GET; a POST without a name below is a write anyway.
  operation "get.other" {
    match  = "GET /api/**"
    when   = !matches(http.path, "[.](all|conversations|files|get|getPermalink|getPresence|history|identity|info|list|lookup|lookupByEmail|members|messages|replies|test)$")
    effect = "unknown"
  }
  # Messages that people see
  operation "chat.post" {
    match = [
      "* /api/chat.postMessage", "* /api/chat.postEphemeral", "* /api/chat.meMessage",
      "* /api/chat.scheduleMessage", "* /api/chat.update", "* /api/chat.unfurl",
      "* /api/chat.startStream", "* /api/chat.appendStream", "* /api/chat.stopStream",
    ]
    effect = "write"
  }
  operation "chat.delete" {
    match  = ["* /api/chat.delete", "* /api/chat.deleteScheduledMessage"]
    effect = "destructive"
  }
  operation "conversations.write" {
    match = [
      "* /api/conversations.create", "* /api/conversations.open", "* /api/conversations.close",
      "* /api/conversations.join", "* /api/conversations.leave", "* /api/conversations.mark",
      "* /api/conversations.rename", "* /api/conversations.setTopic", "* /api/conversations.setPurpose",
      "* /api/conversations.invite", "* /api/conversations.kick", "* /api/conversations.unarchive",
      "* /api/conversations.canvases.create",
    ]
    effect = "write"
  }
  operation "conversations.archive" {
    match  = "* /api/conversations.archive"
    effect = "destructive"
  }
  # Shares a channel with another organisation
  operation "conversations.connect" {
    match = [
      "* /api/conversations.inviteShared", "* /api/conversations.acceptSharedInvite",
      "* /api/conversations.approveSharedInvite", "* /api/conversations.declineSharedInvite",
      "* /api/conversations.externalInvitePermissions.set",
      "* /api/conversations.requestSharedInvite.approve",
      "* /api/conversations.requestSharedInvite.deny",
    ]
    effect = "admin"
  }
  operation "files.upload" {
    match = [
      "* /api/files.upload", "* /api/files.getUploadURLExternal", "* /api/files.completeUploadExternal",
      "* /api/files.remote.add", "* /api/files.remote.update", "* /api/files.remote.share",
      "* /api/files.remote.remove", "* /api/files.revokePublicURL", "* /api/files.comments.delete",
      "POST /upload/**",
    ]
    effect = "write"
  }
  # Whoever has the link can read the file
  operation "files.publish" {
    match  = "* /api/files.sharedPublicURL"
    effect = "admin"
  }
  operation "files.delete" {
    match  = "* /api/files.delete"
    effect = "destructive"
  }
  operation "reactions" {
    match  = ["* /api/reactions.add", "* /api/reactions.remove"]
    effect = "write"
  }
  operation "pins" {
    match = [
      "* /api/pins.add", "* /api/pins.remove", "* /api/bookmarks.add", "* /api/bookmarks.edit",
      "* /api/bookmarks.remove", "* /api/stars.add", "* /api/stars.remove",
    ]
    effect = "write"
  }
  operation "reminders" {
    match  = ["* /api/reminders.add", "* /api/reminders.complete", "* /api/reminders.delete"]
    effect = "write"
  }
  operation "views" {
    match = [
      "* /api/views.open", "* /api/views.publish", "* /api/views.push", "* /api/views.update",
      "* /api/dialog.open",
    ]
    effect = "write"
  }
  operation "assistant" {
    match = [
      "* /api/assistant.threads.setStatus", "* /api/assistant.threads.setSuggestedPrompts",
      "* /api/assistant.threads.setTitle",
    ]
    effect = "write"
  }
  operation "workflows" {
    match = [
      "* /api/workflows.stepCompleted", "* /api/workflows.stepFailed", "* /api/workflows.updateStep",
      "* /api/workflows.triggers.permissions.add", "* /api/workflows.triggers.permissions.remove",
      "* /api/workflows.triggers.permissions.set", "* /api/functions.completeSuccess",
      "* /api/functions.completeError",
    ]
    effect = "write"
  }
  operation "calls" {
    match = [
      "* /api/calls.add", "* /api/calls.end", "* /api/calls.update", "* /api/calls.participants.add",
      "* /api/calls.participants.remove",
    ]
    effect = "write"
  }
  operation "canvases" {
    match  = ["* /api/canvases.create", "* /api/canvases.edit"]
    effect = "write"
  }
  operation "canvases.delete" {
    match  = "* /api/canvases.delete"
    effect = "destructive"
  }
  operation "canvases.access" {
    match  = ["* /api/canvases.access.set", "* /api/canvases.access.delete"]
    effect = "admin"
  }
  operation "lists" {
    match = [
      "* /api/slackLists.create", "* /api/slackLists.update", "* /api/slackLists.items.create",
      "* /api/slackLists.items.update", "* /api/slackLists.download.start",
    ]
    effect = "write"
  }
  operation "lists.delete" {
    match  = ["* /api/slackLists.items.delete", "* /api/slackLists.items.deleteMultiple"]
    effect = "destructive"
  }
  operation "lists.access" {
    match  = ["* /api/slackLists.access.set", "* /api/slackLists.access.delete"]
    effect = "admin"
  }
  operation "profile" {
    match = [
      "* /api/users.profile.set", "* /api/users.setPresence", "* /api/users.setActive",
      "* /api/users.setPhoto", "* /api/users.deletePhoto", "* /api/dnd.setSnooze",
      "* /api/dnd.endSnooze", "* /api/dnd.endDnd",
    ]
    effect = "write"
  }
  operation "usergroups" {
    match = [
      "* /api/usergroups.create", "* /api/usergroups.update", "* /api/usergroups.enable",
      "* /api/usergroups.disable", "* /api/usergroups.users.update",
    ]
    effect = "admin"
  }
  # Everything about the workspace and its people
  operation "admin" {
    match  = "* /api/admin.*"
    effect = "admin"
  }
  # What hands out tokens and addresses to listen on, and what takes them back
  operation "tokens" {
    match = [
      "* /api/oauth.*", "* /api/openid.connect.*", "* /api/auth.revoke", "* /api/auth.teams.list",
      "* /api/tooling.tokens.*", "* /api/rtm.*",
    ]
    effect = "admin"
  }
  # The app itself
  operation "apps" {
    match  = "* /api/apps.*"
    effect = "admin"
  }
}
