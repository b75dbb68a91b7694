# Stand-in for a script of the Exchange shell. Connect-ExchangeServer would import proxies of all cmdlets; here it only opens the session.
. ($env:ExchangeInstallPath + 'Bin/Exchange.ps1')
function global:Connect-ExchangeServer([string]$ServerFqdn, [switch]$Auto, [string]$ClientApplication, [switch]$AllowClobber) {
  $global:remoteSession = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri "http://$ServerFqdn/PowerShell/" -Authentication Kerberos
}
