package known

import "sallyport.dev/sallyport/action"

// A Class is what a kind of statement does, whatever it says.
type Class struct {
	Verb    string
	Effects action.Effects
}

// ClassOf gives the class of a statement by the name of its node in the grammar;
// false for one that this table does not know.
func ClassOf(node string) (Class, bool) {
	switch node {
	case "SelectStmt":
		return Class{"select", action.EffectRead}, true
	case "InsertStmt":
		return Class{"insert", action.EffectWrite}, true
	case "UpdateStmt":
		return Class{"update", 0}, true
	case "DeleteStmt":
		return Class{"delete", 0}, true
	case "MergeStmt":
		return Class{"merge", 0}, true
	case "CopyStmt":
		return Class{"copy", 0}, true
	case "TruncateStmt":
		return Class{"truncate", action.EffectDestructive}, true
	case "LockStmt":
		return Class{"lock", action.EffectWrite}, true
	case "NotifyStmt":
		return Class{"notify", action.EffectWrite}, true
	}
	if c, ok := sessionClass(node); ok {
		return c, true
	}
	if c, ok := dropClass(node); ok {
		return c, true
	}
	return adminClass(node)
}

// sessionClass knows what steers the conversation, or wraps another statement:
// what keeps one for later does what that one does.
func sessionClass(node string) (Class, bool) {
	switch node {
	case "PrepareStmt":
		return Class{"prepare", 0}, true
	case "ExecuteStmt":
		return Class{"execute", 0}, true
	case "DeclareCursorStmt":
		return Class{"declare", 0}, true
	}
	verbs := map[string]string{
		"TransactionStmt": "transaction", "VariableSetStmt": "set", "ConstraintsSetStmt": "set", "VariableShowStmt": "show",
		"DiscardStmt": "discard", "DeallocateStmt": "deallocate", "FetchStmt": "fetch", "ClosePortalStmt": "close",
		"ExplainStmt": "explain", "ListenStmt": "listen", "UnlistenStmt": "unlisten",
	}
	verb, ok := verbs[node]
	return Class{verb, action.EffectRead}, ok
}

// dropClass knows what removes objects. What guards other objects, or belongs to
// the server, is admin as well.
func dropClass(node string) (Class, bool) {
	switch node {
	case "DropStmt", "DropdbStmt":
		return Class{"drop", action.EffectDestructive}, true
	case "DropTableSpaceStmt", "DropUserMappingStmt", "DropRoleStmt", "DropOwnedStmt", "DropSubscriptionStmt":
		return Class{"drop", action.EffectDestructive | action.EffectAdmin}, true
	}
	return Class{}, false
}

// adminClass knows schema, grants, roles, settings, maintenance and code.
func adminClass(node string) (Class, bool) {
	switch node {
	case "CreateStmt", "CreateTableSpaceStmt", "CreateExtensionStmt", "CreateFdwStmt", "CreateForeignServerStmt",
		"CreateForeignTableStmt", "CreateUserMappingStmt", "CreatePolicyStmt", "CreateAmStmt", "CreateTrigStmt",
		"CreateEventTrigStmt", "CreatePLangStmt", "CreateRoleStmt", "CreateSeqStmt", "DefineStmt", "CreateDomainStmt",
		"CreateOpClassStmt", "CreateOpFamilyStmt", "CreateSchemaStmt", "IndexStmt", "CreateStatsStmt",
		"CreateFunctionStmt", "RuleStmt", "CompositeTypeStmt", "CreateEnumStmt", "CreateRangeStmt", "ViewStmt",
		"CreatedbStmt", "CreateConversionStmt", "CreateCastStmt", "CreateTransformStmt", "CreatePublicationStmt",
		"CreateSubscriptionStmt", "CreateTableAsStmt":
		return Class{"create", action.EffectAdmin}, true
	case "AlterTableStmt", "ReplicaIdentityStmt", "AlterCollationStmt", "AlterDomainStmt", "AlterDefaultPrivilegesStmt",
		"AlterTableSpaceOptionsStmt", "AlterTableMoveAllStmt", "AlterExtensionStmt", "AlterExtensionContentsStmt",
		"AlterFdwStmt", "AlterForeignServerStmt", "AlterUserMappingStmt", "AlterPolicyStmt", "AlterEventTrigStmt",
		"AlterRoleStmt", "AlterRoleSetStmt", "AlterSeqStmt", "AlterOpFamilyStmt", "AlterStatsStmt", "AlterFunctionStmt",
		"RenameStmt", "AlterObjectDependsStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt", "AlterOperatorStmt",
		"AlterTypeStmt", "AlterEnumStmt", "AlterDatabaseStmt", "AlterDatabaseRefreshCollStmt", "AlterDatabaseSetStmt",
		"AlterSystemStmt", "AlterTSDictionaryStmt", "AlterTSConfigurationStmt", "AlterPublicationStmt",
		"AlterSubscriptionStmt":
		return Class{"alter", action.EffectAdmin}, true
	}
	verbs := map[string]string{
		"GrantStmt": "grant", "GrantRoleStmt": "grant", "ReassignOwnedStmt": "reassign", "CommentStmt": "comment",
		"SecLabelStmt": "security", "ImportForeignSchemaStmt": "import", "LoadStmt": "load", "DoStmt": "do",
		"CallStmt": "call", "VacuumStmt": "vacuum", "ClusterStmt": "cluster", "ReindexStmt": "reindex",
		"RefreshMatViewStmt": "refresh", "CheckPointStmt": "checkpoint",
	}
	verb, ok := verbs[node]
	return Class{verb, action.EffectAdmin}, ok
}

// Verbs lists every verb that a statement may have.
func Verbs() []string {
	return []string{
		"select", "insert", "update", "delete", "merge", "copy", "truncate", "lock", "create", "alter", "drop",
		"grant", "revoke", "comment", "security", "reassign", "import", "load", "do", "call", "vacuum", "analyze",
		"cluster", "reindex", "refresh", "checkpoint", "begin", "commit", "rollback", "savepoint", "release",
		"prepare_transaction", "commit_prepared", "rollback_prepared", "set", "reset", "show", "discard", "prepare",
		"execute", "deallocate", "declare", "fetch", "move", "close", "explain", "listen", "unlisten", "notify",
		"empty", "unknown",
	}
}
