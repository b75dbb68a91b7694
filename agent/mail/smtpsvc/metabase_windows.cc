#include "agent/mail/smtpsvc/metabase_windows.h"

#include <initguid.h>
#include <windows.h>
// After windows.h: initguid.h makes them define the GUIDs that they name.
#include <iadmw.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/com_windows.h"
#include "agent/mail/smtpsvc/ip_security_windows.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr DWORD kOpenWait = 5000;  // Milliseconds, while somebody else has the key open.
constexpr DWORD kAnyType = 0;      // ALL_METADATA
constexpr DWORD kLargest = 16 * 1024 * 1024;
constexpr HRESULT kNoData = static_cast<HRESULT>(0x800cc801);    // MD_ERROR_DATA_NOT_FOUND
constexpr HRESULT kTooSmall = static_cast<HRESULT>(0x8007007a);  // ERROR_INSUFFICIENT_BUFFER
constexpr HRESULT kNoMore = static_cast<HRESULT>(0x80070103);    // ERROR_NO_MORE_ITEMS

std::wstring PathOf(const std::string& key) {
  return os::ToWide(absl::StrCat("/LM/SMTPSVC", key.empty() ? "" : "/", key));
}

absl::Status Make(ComPointer<IMSAdminBaseW>& out) {
  const HRESULT result = ::CoCreateInstance(CLSID_MSAdminBase_W, nullptr, CLSCTX_ALL,
                                            IID_IMSAdminBase_W, out.put_void());
  return FAILED(result) ? ComError(result, "open IIS' metabase") : absl::OkStatus();
}

// A key that is open, for writing.
class OpenKey {
 public:
  OpenKey(IMSAdminBaseW& base, const std::string& key) : base_(base) {
    result_ =
        base_.OpenKey(METADATA_MASTER_ROOT_HANDLE, PathOf(key).c_str(),
                      METADATA_PERMISSION_READ | METADATA_PERMISSION_WRITE, kOpenWait, &handle_);
  }
  ~OpenKey() {
    if (SUCCEEDED(result_)) (void)base_.CloseKey(handle_);
  }
  OpenKey(const OpenKey&) = delete;
  OpenKey& operator=(const OpenKey&) = delete;
  HRESULT result() const { return result_; }
  METADATA_HANDLE get() const { return handle_; }

 private:
  IMSAdminBaseW& base_;
  METADATA_HANDLE handle_ = 0;
  HRESULT result_ = E_FAIL;
};

class IisMetabase final : public Metabase {
 public:
  absl::StatusOr<std::vector<std::string>> Children(const std::string& key) override {
    const ComThread com;
    ComPointer<IMSAdminBaseW> base;
    MQ_RETURN_IF_ERROR(Make(base));
    std::vector<std::string> names;
    for (DWORD i = 0;; ++i) {
      wchar_t name[METADATA_MAX_NAME_LEN] = L"";
      const HRESULT result =
          base->EnumKeys(METADATA_MASTER_ROOT_HANDLE, PathOf(key).c_str(), name, i);
      if (result == kNoMore) break;
      if (FAILED(result)) return ComError(result, absl::StrCat("list the keys of ", Shown(key)));
      names.push_back(os::ToUtf8(name));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<std::optional<MetabaseValue>> Read(const std::string& key,
                                                    Property property,
                                                    bool inherited) override {
    const ComThread com;
    ComPointer<IMSAdminBaseW> base;
    MQ_RETURN_IF_ERROR(Make(base));
    std::string buffer(256, '\0');
    for (;;) {
      METADATA_RECORD record{};
      record.dwMDIdentifier = static_cast<DWORD>(property);
      record.dwMDAttributes = inherited ? METADATA_INHERIT : METADATA_NO_ATTRIBUTES;
      record.dwMDDataType = kAnyType;
      record.dwMDDataLen = static_cast<DWORD>(buffer.size());
      record.pbMDData = reinterpret_cast<unsigned char*>(buffer.data());
      DWORD wanted = 0;
      const HRESULT result =
          base->GetData(METADATA_MASTER_ROOT_HANDLE, PathOf(key).c_str(), &record, &wanted);
      if (result == kNoData) return std::nullopt;
      if (result == kTooSmall && wanted > buffer.size() && wanted <= kLargest) {
        buffer.resize(wanted);
        continue;
      }
      if (FAILED(result))
        return ComError(result, absl::StrCat("read ", PropertyName(property), " of ", Shown(key)));
      MetabaseValue value;
      value.type = static_cast<MetabaseValue::Type>(record.dwMDDataType);
      value.attributes = record.dwMDAttributes;
      value.user_type = record.dwMDUserType;
      value.bytes = buffer.substr(0, record.dwMDDataLen);
      return value;
    }
  }

  absl::Status Write(const std::string& key,
                     Property property,
                     const MetabaseValue& value) override {
    const ComThread com;
    ComPointer<IMSAdminBaseW> base;
    MQ_RETURN_IF_ERROR(Make(base));
    std::string bytes = value.bytes;
    METADATA_RECORD record{};
    record.dwMDIdentifier = static_cast<DWORD>(property);
    record.dwMDAttributes = value.attributes;
    record.dwMDUserType = value.user_type;
    record.dwMDDataType = static_cast<DWORD>(value.type);
    record.dwMDDataLen = static_cast<DWORD>(bytes.size());
    record.pbMDData = reinterpret_cast<unsigned char*>(bytes.data());
    {
      const OpenKey open(*base.get(), key);
      if (FAILED(open.result())) return ComError(open.result(), "open " + Shown(key));
      const HRESULT result = base->SetData(open.get(), L"", &record);
      if (FAILED(result))
        return ComError(result, absl::StrCat("write ", PropertyName(property), " of ", Shown(key)));
    }
    return Save(*base.get());
  }

  absl::Status Delete(const std::string& key, Property property) override {
    const ComThread com;
    ComPointer<IMSAdminBaseW> base;
    MQ_RETURN_IF_ERROR(Make(base));
    {
      const OpenKey open(*base.get(), key);
      if (FAILED(open.result())) return ComError(open.result(), "open " + Shown(key));
      const HRESULT result =
          base->DeleteData(open.get(), L"", static_cast<DWORD>(property), kAnyType);
      if (FAILED(result) && result != kNoData)
        return ComError(result,
                        absl::StrCat("delete ", PropertyName(property), " of ", Shown(key)));
    }
    return Save(*base.get());
  }

  absl::StatusOr<std::optional<IpSecurity>> ReadIpSecurity(const std::string& key,
                                                           Property property) override {
    MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> stored, Read(key, property, true));
    if (!stored.has_value()) return std::nullopt;
    const ComThread com;
    MQ_ASSIGN_OR_RETURN(const IpSecurity list, GetIpSecurity(key, PropertyName(property)));
    return list;
  }

  absl::Status WriteIpSecurity(const std::string& key,
                               Property property,
                               const IpSecurity& value) override {
    const ComThread com;
    const std::string name = PropertyName(property);
    absl::Status set = SetIpSecurity(key, name, value, name);
    // ADSI makes no object of bytes that it cannot read. One of the other list does as well.
    if (ReasonOf(set) == "BAD_IP_LIST" && property == Property::kRelayIpList)
      set = SetIpSecurity(key, name, value, PropertyName(Property::kIpSecurity));
    if (!set.ok()) {
      // Of nothing it makes one. Last, since a crash in between would leave what nobody recorded.
      MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> bad, Read(key, property, false));
      if (!bad.has_value()) return set;
      MQ_RETURN_IF_ERROR(Delete(key, property));
      set = SetIpSecurity(key, name, value, name);
      if (!set.ok()) {
        const absl::Status back = Write(key, property, *bad);
        if (!back.ok()) return Prepend(back, "what stood there could not be put back");
      }
    }
    MQ_RETURN_IF_ERROR(set);
    ComPointer<IMSAdminBaseW> base;
    MQ_RETURN_IF_ERROR(Make(base));
    return Save(*base.get());
  }

 private:
  static std::string Shown(const std::string& key) {
    return absl::StrCat("/LM/SMTPSVC", key.empty() ? "" : "/", key);
  }

  static absl::Status Save(IMSAdminBaseW& base) {
    const HRESULT result = base.SaveData();
    return FAILED(result) ? ComError(result, "save the metabase") : absl::OkStatus();
  }
};
}  // namespace

std::unique_ptr<Metabase> MakeIisMetabase() {
  return std::make_unique<IisMetabase>();
}

}  // namespace mailquench::agent::smtpsvc
