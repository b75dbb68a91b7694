# Stand-in for a script of the Exchange shell: it defines what scripts find in one.
$global:exinstall = $env:ExchangeInstallPath
$global:exbin = $env:ExchangeInstallPath + 'Bin'
$global:exscripts = $env:ExchangeInstallPath + 'Scripts'
filter global:AssembleMessage([string]$Path) { Add-Content -Path:"$Path" -Encoding:Byte -Value:$_.FileData }
