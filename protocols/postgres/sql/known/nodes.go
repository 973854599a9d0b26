package known

// Clause reports whether a node of the grammar's tree that is no statement is one
// that the gateway's walk was written for: what the raw parser of major 17 makes
// (makeNode in gram.y and makefuncs.c), and the values in it. One that it learns
// to make means something that nobody has looked at.
func Clause(node string) bool {
	switch node {
	case "A_ArrayExpr", "A_Const", "A_Expr", "A_Indices", "A_Indirection", "A_Star", "AccessPriv", "Alias",
		"AlterTableCmd", "BitString", "BoolExpr", "Boolean", "BooleanTest", "CTECycleClause", "CTESearchClause",
		"CaseExpr", "CaseWhen", "CoalesceExpr", "CollateClause", "ColumnDef", "ColumnRef", "CommonTableExpr", "Constraint",
		"CreateOpClassItem", "CurrentOfExpr", "DefElem", "Float", "FuncCall", "FunctionParameter", "GroupingFunc",
		"GroupingSet", "IndexElem", "InferClause", "Integer", "IntoClause", "JoinExpr", "JsonAggConstructor",
		"JsonArgument", "JsonArrayAgg", "JsonArrayConstructor", "JsonArrayQueryConstructor", "JsonBehavior", "JsonFormat",
		"JsonFuncExpr", "JsonIsPredicate", "JsonKeyValue", "JsonObjectAgg", "JsonObjectConstructor", "JsonOutput",
		"JsonParseExpr", "JsonReturning", "JsonScalarExpr", "JsonSerializeExpr", "JsonTable", "JsonTableColumn",
		"JsonTablePathSpec", "JsonValueExpr", "List", "LockingClause", "MergeSupportFunc", "MergeWhenClause", "MinMaxExpr",
		"MultiAssignRef", "NamedArgExpr", "NullTest", "ObjectWithArgs", "OnConflictClause", "ParamRef",
		"PartitionBoundSpec", "PartitionCmd", "PartitionElem", "PartitionSpec", "PublicationObjSpec", "PublicationTable",
		"RangeFunction", "RangeSubselect", "RangeTableFunc", "RangeTableFuncCol", "RangeTableSample", "RangeVar",
		"ResTarget", "ReturnStmt", "RoleSpec", "RowExpr", "SQLValueFunction", "SetToDefault", "SortBy", "StatsElem",
		"String", "SubLink", "TableLikeClause", "TriggerTransition", "TypeCast", "TypeName", "VacuumRelation", "WindowDef",
		"WithClause", "XmlExpr", "XmlSerialize", "SinglePartitionSpec":
		return true
	}
	return false
}
